"""Spike trains of BATS, in seconds, as the steps of a grid, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bats_dt import TimeGrid
from bats_dt.backend import to_numpy
from bats_dt.clocked_neuron import ClockedNeuron


@dataclass(frozen=True)
class Steps:
    """The steps of a simulation and which of them takes an input.

    Attributes:
        dt: [s].
        clocked: of the first layer, where that is stepped by a clock: an input counts from the grid point at or before
            it. Else None: from the one at or after it (`TimeGrid.encode`). n dt is in step n in both.
        end: of the layers that are stepped by a clock, which may end before the simulation; inf if none does.
    """

    dt: float
    clocked: ClockedNeuron | None = None
    end: float = math.inf

    def last(self, duration: float | None) -> int:
        """Number n of the last grid point n dt of a simulation of ``duration`` seconds, as `bats_dt` compares them.

        Raises:
            ValueError: there is none but 0, or no end.
        """
        end = min(self.end, math.inf if duration is None else duration)
        if not self.dt <= end < math.inf:
            raise ValueError(
                f"duration is {duration} s with dt = {self.dt} s: pass the end of the simulation in seconds, at least "
                "one step"
            )
        if self.clocked is not None:
            return self.clocked.n_steps(end)
        n = round(end / self.dt)
        return n if np.float32(n * self.dt) <= np.float32(end) else n - 1

    def of(self, times: np.ndarray, last: int) -> np.ndarray:
        """The step of each time [s], those beyond ``last`` as something above it."""
        if self.clocked is not None:
            return self.clocked.steps_of(times, last + 1)
        return np.rint(TimeGrid(self.dt).encode(times) / self.dt).astype(np.int64)


def encode(times: Any, counts: Any, shape: tuple[int, ...], steps: Steps, duration: float | None) -> torch.Tensor:
    """Input trains as the spikes a network of blocks takes.

    Several spikes of one neuron in one step are added up; what comes after the end is left out.

    Args:
        times: (batch, n, slots) [s], inf where there is no spike.
        counts: (batch, n) spikes of each neuron, of which the first are taken; None for all that are finite.
        shape: of the input, (n,) or (channel, height, width).
        steps: of the simulation.
        duration: [s].

    Returns:
        float32 (batch, *shape, steps), those of the grid points 0 to `Steps.last`.

    Raises:
        TypeError: times that are no real numbers.
        ValueError: trains of another shape, with other counts, or with spikes before 0; a duration without steps.
    """
    times, last = to_numpy(times), steps.last(duration)
    neurons = math.prod(shape)
    if times.dtype.kind != "f":
        raise TypeError(f"times has dtype {times.dtype}: pass seconds in floating point, inf where there is no spike")
    if times.ndim != 3 or times.shape[1] != neurons:
        raise ValueError(f"times has shape {times.shape}: pass (batch, {neurons}, slots), inf where there is no spike")
    there = np.isfinite(times)
    if counts is not None:
        counts = to_numpy(counts)
        if counts.shape != times.shape[:2]:
            raise ValueError(f"counts has shape {counts.shape} but times {times.shape}: pass {times.shape[:2]}")
        there &= np.arange(times.shape[2]) < counts[:, :, None]
    if (times[there] < 0).any():
        raise ValueError(f"times has a spike at {times[there].min()} s: pass times from 0 s on")
    sample, neuron, slot = np.nonzero(there)
    step = steps.of(times[sample, neuron, slot], last)
    inside = step <= last
    spikes = torch.zeros(len(times), neurons, last + 1)
    np.add.at(spikes.numpy(), (sample[inside], neuron[inside], step[inside]), 1)
    if len(shape) == 1:
        return spikes
    channels, height, width = shape
    return spikes.reshape(len(times), height, width, channels, -1).permute(0, 3, 1, 2, 4).contiguous()


def decode(spikes: Any, dt: float, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What the last block sends, (batch, n, steps) or (batch, channel, height, width, steps), as trains of BATS.

    Args:
        spikes: 0 or 1; step n is the time n dt.
        dt: [s].
        limit: spikes of each neuron that count, the first ones; None for all.

    Returns:
        Times (batch, n, slots) [s] float32, inf where there is no spike, and counts (batch, n) int32.
    """
    fired = torch.as_tensor(spikes).detach().cpu().numpy() > 0
    if fired.ndim == 5:
        fired = fired.transpose(0, 2, 3, 1, 4).reshape(len(fired), -1, fired.shape[-1])
    slot = np.cumsum(fired, axis=-1) - 1
    if limit is not None:
        fired &= slot < limit
    counts = fired.sum(axis=-1, dtype=np.int32)
    times = np.full((*counts.shape, max(1, int(counts.max(initial=0)))), np.inf, np.float32)
    sample, neuron, step = np.nonzero(fired)
    times[sample, neuron, slot[sample, neuron, step]] = TimeGrid(dt).times(step)
    return times, counts
