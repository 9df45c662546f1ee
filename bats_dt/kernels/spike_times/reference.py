"""Forward pass as the equations read: one neuron at a time, absolute exponentials, float64.

Absolute exponentials overflow when times exceed some 350 tau; the fast implementations do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bats_dt.grid import TimeGrid
from bats_dt.kernels.spike_times import LEAST_SLOPE, MOST_IN_INTERVAL
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents


def spike_times(
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: Neuron,
    max_simulation: float,
    max_spikes: int,
    grid: TimeGrid | None,
) -> EmittedSpikes:
    """Contract: :func:`bats_dt.kernels.spike_times.spike_times`."""
    spikes: list[tuple[int, float, int, int, Crossing]] = []
    lost, bounded = np.zeros((2, inputs.batch), np.int64)
    diverged = np.full(inputs.batch, -1)
    for sample in range(inputs.batch):
        events = range(inputs.offsets[sample], inputs.offsets[sample + 1])
        for j in range(weights.shape[1]):
            cell = Cell(neuron, float(weights.dtype.type(max_simulation)), grid, weights.dtype)
            for event in events:
                next_input = float(inputs.times[event + 1]) if event + 1 in events else math.inf
                cell.receive(event, float(inputs.times[event]), float(weights[inputs.neurons[event], j]), next_input)
            kept = cell.emitted[:max_spikes]
            lost[sample] += len(cell.emitted) - len(kept)
            bounded[sample] += cell.bounded
            if cell.diverged:
                diverged[sample] = j
            spikes += [(sample, time, j, slot, crossing) for slot, (time, crossing) in enumerate(kept)]
    spikes.sort(key=lambda spike: spike[:4])
    counts = np.bincount([spike[0] for spike in spikes], minlength=inputs.batch)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    events_out = SpikeEvents(
        offsets,
        np.array([spike[1] for spike in spikes], weights.dtype),
        np.array([spike[2] for spike in spikes], np.int32),
        np.array([spike[3] for spike in spikes], np.int32),
        weights.shape[1],
        max_spikes,
    )
    return EmittedSpikes(
        events_out,
        np.array([spike[4].last_input for spike in spikes], np.int64),
        np.array([spike[4].since_input for spike in spikes], weights.dtype),
        np.array([spike[4].inverse_slope for spike in spikes], weights.dtype),
        lost,
        bounded,
        diverged,
        grid is not None,
    )


@dataclass
class Crossing:
    """Where V reached the threshold: after which input, how long after it, and how steeply (0: locked)."""

    time: float
    last_input: int
    since_input: float
    inverse_slope: float


@dataclass
class Cell:
    """State of one neuron in one sample: a, b of EQUATIONS A.5 and what it has emitted."""

    neuron: Neuron
    max_simulation: float
    grid: TimeGrid | None
    dtype: np.dtype
    a: float = 0.0
    b: float = 0.0
    last: float = 0.0  # time of the last event: input or own spike
    crossing: Crossing | None = None  # the one that is to become a spike on the grid
    due: float = math.inf
    bounded: int = 0
    fired: int = 0  # since the last input
    emitted: list[tuple[float, Crossing]] = field(default_factory=list)

    def receive(self, event: int, time: float, weight: float, next_input: float) -> None:
        """Take in one input and emit up to the next."""
        if time > self.max_simulation or self.diverged:
            return
        self.a += weight * math.exp(time / self.neuron.tau_syn)
        self.b += weight * math.exp(time / self.neuron.tau_mem)
        self.last = time
        self.fired = 0
        end = min(next_input, self.max_simulation)
        if end <= time and next_input <= time:
            return  # simultaneous inputs act together
        if self.grid is None:
            self._emit_exactly(event, time, end)
        elif self.grid.rule == "snap":
            self._emit_snapped(event, time, end)
        else:
            self._emit_detected(event, time, end)

    @property
    def diverged(self) -> bool:
        """Whether it has fired too often since the last input; it is followed no further."""
        return self.fired > MOST_IN_INTERVAL

    @property
    def dt(self) -> float:
        """The timestep [s], 0 in continuous time."""
        return self.grid.dt if self.grid else 0.0

    def potential(self, time: float) -> float:
        """V(t) / tau = b y - a y^2, y = exp(-t/tau)."""
        y = math.exp(-time / self.neuron.tau_mem)
        return self.b * y - self.a * y * y

    def _next_crossing(self, event: int, origin: float, end: float) -> Crossing | None:
        tau, c = self.neuron.tau_mem, self.neuron.c
        if self.potential(self.last) >= c:
            y = math.exp(-self.last / tau)
            return self._crossing(event, origin, self.last, (2 * self.a * y - self.b) * y)
        if self.a <= 0 or self.b <= 0 or self.b**2 < 4 * self.a * c:
            return None
        x = math.sqrt(self.b**2 - 4 * self.a * c)
        time = tau * math.log(2 * self.a / (self.b + x))
        peak = tau * math.log(2 * self.a / self.b)
        if peak <= self.last or time > end:
            return None
        time = max(time, self.last)
        return self._crossing(event, origin, time, x * math.exp(-time / tau))

    def _crossing(self, event: int, origin: float, time: float, slope: float) -> Crossing:
        least = LEAST_SLOPE * self.neuron.c
        self.bounded += slope < least
        return Crossing(time, event, time - origin, 1 / max(slope, least))

    def _reset(self, time: float, crossing: Crossing) -> None:
        self.emitted.append((time, crossing))
        self.b -= self.neuron.reset_over_tau * math.exp(time / self.neuron.tau_mem)
        self.last = time
        self.fired += 1

    def _emit_exactly(self, event: int, origin: float, end: float) -> None:
        crossing = self._next_crossing(event, origin, end)
        while crossing and not self.diverged:
            self._reset(crossing.time, crossing)
            crossing = self._next_crossing(event, origin, end)

    def _grid_time_after(self, time: float) -> float:
        n = math.floor(time / self.dt) - 1
        while self._grid_time(n) <= time:
            n += 1
        return self._grid_time(n)

    def _grid_time(self, n: int) -> float:
        return self._rounded(n * self.dt)

    def _rounded(self, time: float) -> float:
        return float(self.dtype.type(time))

    def _emit_snapped(self, event: int, origin: float, end: float) -> None:
        while not self.diverged:
            if self.crossing is None:
                self.crossing = self._next_crossing(event, origin, end)
                if self.crossing is None:
                    return
                self.due = self._grid_time_after(self._rounded(self.crossing.time))
            if self.due > end:
                return
            self._reset(self.due, self.crossing)
            self.crossing = None
            if self.potential(self.last) >= self.neuron.c:
                self.crossing = Crossing(self.last, event, 0.0, 0.0)
                self.due = self._grid_time_after(self.last)

    def _emit_detected(self, event: int, origin: float, end: float) -> None:
        c = self.neuron.c
        if self.potential(origin) < c:
            self.crossing = None
        while not self.diverged:
            found = self._next_crossing(event, origin, end)
            if found is None:
                break
            self.crossing = self.crossing or found
            time = self._first_grid_time(self._rounded(found.time))
            if time > end:
                break
            if time != self._rounded(found.time) and self.potential(time) < c:
                break
            self._reset(time, self.crossing)
            self.crossing = Crossing(time, event, 0.0, 0.0) if self.potential(time) >= c else None
        if math.isinf(end) or self.potential(end) < c:
            self.crossing = None

    def _first_grid_time(self, time: float) -> float:
        """The first grid time at or after ``time`` that is above the time of the last event."""
        n = round(time / self.dt)
        if self._grid_time(n) == time and time > self.last:
            return time
        return self._grid_time_after(max(time, self.last))
