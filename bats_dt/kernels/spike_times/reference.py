"""Forward pass as the equations read: one neuron at a time, from event to event, float64."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from bats_dt.grid import TimeGrid
from bats_dt.kernels.spike_times import LATE_SLACK, LEAST_SLOPE, MOST_IN_INTERVAL
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
        grid is not None and grid.rule != "published",
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
    """One neuron in one sample: V and I at the time of its last event, input or own spike, and what it has emitted."""

    neuron: Neuron
    max_simulation: float
    grid: TimeGrid | None
    dtype: np.dtype
    v: float = 0.0
    i: float = 0.0
    last: float = 0.0
    crossing: Crossing | None = None  # the one that is to become a spike on the grid
    due: float = math.inf
    bounded: int = 0
    fired: int = 0  # since the last input
    emitted: list[tuple[float, Crossing]] = field(default_factory=list)

    def receive(self, event: int, time: float, weight: float, next_input: float) -> None:
        """Take in one input and emit up to the next."""
        if time > self.max_simulation or self.diverged:
            return
        self._move(time)
        self.i += weight
        self.fired = 0
        end = min(next_input, self.max_simulation)
        if end <= time and next_input <= time:
            return  # simultaneous inputs act together
        rules = {"snap": self._emit_snapped, "detect": self._emit_detected, "published": self._emit_as_published}
        emit = rules[self.grid.rule] if self.grid else self._emit_exactly
        emit(event, time, end)

    @property
    def diverged(self) -> bool:
        """Whether it has fired too often since the last input; it is followed no further."""
        return self.fired > MOST_IN_INTERVAL

    @property
    def dt(self) -> float:
        """The timestep [s], 0 in continuous time."""
        return self.grid.dt if self.grid else 0.0

    def current(self, time: float) -> float:
        """I(t) = exp(-s/tau_syn) I, s since the last event."""
        return math.exp(-(time - self.last) / self.neuron.tau_syn) * self.i

    def potential(self, time: float) -> float:
        """V(t) = exp(-s/tau_mem) V + g(s) I."""
        since = time - self.last
        return math.exp(-since / self.neuron.tau_mem) * self.v + self.neuron.response(since) * self.i

    def _move(self, time: float) -> None:
        self.v, self.i, self.last = self.potential(time), self.current(time), time

    def _time_to_peak(self) -> float:
        """Seconds to the maximum of V, 0 if it falls, inf if it rises for ever (to 0): V' = I - V/tau_mem = 0 there."""
        neuron, delta = self.neuron, self.neuron.delta
        if self.i <= 0 or self.i <= self.v / neuron.tau_mem:
            return 0.0
        ahead = neuron.tau_syn * (1 - self.v / (neuron.tau_mem * self.i))
        if delta == 0:
            return ahead
        return -math.log1p(-delta * ahead) / delta if delta * ahead < 1 else math.inf

    def _time_to_threshold(self, left: float) -> float | None:
        """Seconds in which V rises to theta, None if it does not within ``left``."""
        theta, tau = self.neuron.threshold, self.neuron.tau_mem
        peak = self._time_to_peak()
        if peak == 0:
            return None
        if self.neuron.closed_form:
            a, b = tau * self.i, tau * self.i + self.v
            if b <= 0 or b * b < 4 * a * theta:
                return None
            since = max(-tau * math.log((b + math.sqrt(b * b - 4 * a * theta)) / (2 * a)), 0.0)
            return since if since <= left else None
        top = min(peak, left)
        if not math.isfinite(top) or self._excess(top) < -1e-15 * theta:
            return None
        return float(brentq(self._excess, 0.0, top, xtol=1e-300, rtol=1e-15)) if self._excess(top) > 0 else top

    def _excess(self, since: float) -> float:
        return self.potential(self.last + since) - self.neuron.threshold

    def _next_crossing(self, event: int, origin: float, end: float) -> Crossing | None:
        if self.v >= self.neuron.threshold:
            return self._crossing(event, origin, self.last)
        since = self._time_to_threshold(end - self.last)
        return None if since is None else self._crossing(event, origin, min(self.last + since, end))

    def _crossing(self, event: int, origin: float, time: float) -> Crossing:
        slope = self.current(time) - self.potential(time) / self.neuron.tau_mem
        least = LEAST_SLOPE * self.neuron.threshold / self.neuron.tau_mem
        self.bounded += slope < least
        return Crossing(time, event, time - origin, 1 / max(slope, least))

    def _reset(self, time: float, crossing: Crossing) -> None:
        self.emitted.append((time, crossing))
        self._move(time)
        self.v -= self.neuron.reset
        self.fired += 1

    def _emit_exactly(self, event: int, origin: float, end: float) -> None:
        crossing = self._next_crossing(event, origin, end)
        while crossing and not self.diverged:
            self._reset(crossing.time, crossing)
            crossing = self._next_crossing(event, origin, end)

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
            if self.v >= self.neuron.threshold:
                self.crossing = Crossing(self.last, event, 0.0, 0.0)
                self.due = self._grid_time_after(self.last)

    def _emit_detected(self, event: int, origin: float, end: float) -> None:
        theta = self.neuron.threshold
        if self.v < theta:
            self.crossing = None
        while not self.diverged:
            found = self._next_crossing(event, origin, end)
            if found is None:
                break
            self.crossing = self.crossing or found
            time = self._first_grid_time(self._rounded(found.time))
            if time > end:
                break
            if time != self._rounded(found.time) and self.potential(time) < theta:
                break
            self._reset(time, self.crossing)
            self.crossing = Crossing(time, event, 0.0, 0.0) if self.v >= theta else None
        if math.isinf(end) or self.potential(end) < theta:
            self.crossing = None

    def _emit_as_published(self, event: int, origin: float, end: float) -> None:
        """In the letters of EQUATIONS A.5, the times in a, b and c counted from the input."""
        tau, c = self.neuron.tau_mem, self.neuron.threshold / self.neuron.tau_mem
        a, b = self.i, self.i + self.v / tau
        last = origin
        while not self.diverged and a > 0 and b > 0 and b * b >= 4 * a * c:
            x = math.sqrt(b * b - 4 * a * c)
            since = tau * math.log(2 * a / (b + x))
            time = self._published_grid_time(self._rounded(origin + since))
            y = math.exp(-(time - origin) / tau)
            late = tau * (b * y - a * y * y) + LATE_SLACK < self.neuron.threshold
            if late or time <= last or time > end:
                break
            slope = x * math.exp(-since / tau)
            self.bounded += slope < LEAST_SLOPE * c
            self.emitted.append((time, Crossing(origin + since, event, since, 1 / max(slope, LEAST_SLOPE * c))))
            self.fired += 1
            last = time
            b -= self.neuron.reset / tau * math.exp(since / tau)
        self.v = tau * (b - a)

    def _published_grid_time(self, time: float) -> float:
        """t + (dt - fmod(t, dt)); the remainder has the sign of t."""
        return self._grid_time(math.trunc(time / self.dt) + 1) if time < 0 else self._grid_time_after(time)

    def _grid_time_after(self, time: float) -> float:
        n = math.floor(time / self.dt) - 1
        while self._grid_time(n) <= time:
            n += 1
        return self._grid_time(n)

    def _first_grid_time(self, time: float) -> float:
        """The first grid time at or after ``time`` that is above the time of the last event."""
        n = round(time / self.dt)
        if self._grid_time(n) == time and time > self.last:
            return time
        return self._grid_time_after(max(time, self.last))

    def _grid_time(self, n: int) -> float:
        return self._rounded(n * self.dt)

    def _rounded(self, time: float) -> float:
        return float(self.dtype.type(time))
