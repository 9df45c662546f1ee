"""Spike trains of BATS, in seconds, as the steps of a grid, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bats_dt import TimeGrid
from bats_dt.backend import to_numpy


def last_step(duration: float, dt: float) -> int:
    """Number n of the last grid point n dt of a simulation of ``duration`` seconds, as BATS compares them.

    Raises:
        ValueError: there is none but 0, or no end.
    """
    if not dt <= duration < np.inf:
        raise ValueError(
            f"duration is {duration} s with dt = {dt} s: pass the end of the simulation in seconds, at least one step"
        )
    n = round(duration / dt)
    return n if np.float32(n * dt) <= np.float32(duration) else n - 1


def encode(times: Any, counts: Any, shape: tuple[int, ...], dt: float, duration: float) -> torch.Tensor:
    """Input trains as the spikes a network of blocks takes.

    A time counts from the grid point at or after it (`TimeGrid.encode`), n dt in step n. Several spikes of one neuron
    in one step are added up; what comes after the end is left out.

    Args:
        times: (batch, n, slots) [s], inf where there is no spike.
        counts: (batch, n) spikes of each neuron, of which the first are taken; None for all that are finite.
        shape: of the input, (n,) or (channel, height, width).
        dt, duration: [s].

    Returns:
        float32 (batch, *shape, steps), the steps those of the grid points 0 to `last_step`.

    Raises:
        ValueError: trains of another shape, with other counts, or with spikes before 0.
    """
    times, steps = to_numpy(times), last_step(duration, dt) + 1
    neurons = int(np.prod(shape))
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
    step = np.rint(TimeGrid(dt).encode(times[sample, neuron, slot]) / dt).astype(np.int64)
    inside = step < steps
    spikes = torch.zeros(len(times), neurons, steps)
    np.add.at(spikes.numpy(), (sample[inside], neuron[inside], step[inside]), 1)
    if len(shape) == 1:
        return spikes
    channels, height, width = shape
    return spikes.reshape(len(times), height, width, channels, steps).permute(0, 3, 1, 2, 4).contiguous()


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
