"""Spikes on their way in plain loops; never optimised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(spikes: Array, later: Array, every: int, steps: int) -> Array:
    """Lays the spike of bin m down at its arrival, m every + later.

    Args:
        spikes: (batch, bins, n) float32.
        later: (n,) int64, steps from the first one of a spike's bin to its arrival; below zero: it is lost.
        every: steps of a bin.
        steps: (bins - 1) every < steps <= bins every, or 0. An arrival in what is missing of the last bin comes at the
            last step; one after the last bin is lost.

    Returns:
        (batch, steps, n).
    """
    batch, bins, n = spikes.shape
    moved = np.zeros((batch, steps, n), spikes.dtype)
    for b, m, j in np.ndindex(batch, bins, n):
        at = m * every + int(later[j])
        if int(later[j]) >= 0 and at < bins * every:
            moved[b, min(at, steps - 1), j] += spikes[b, m, j]
    return moved


def backward(grad: Array, later: Array, every: int, bins: int) -> Array:
    """The gradient of the spikes: that of the step at which each arrives.

    Args:
        grad: (batch, steps, n).
        later, every: as in `forward`.

    Returns:
        (batch, bins, n).
    """
    batch, steps, n = grad.shape
    grad_spikes = np.zeros((batch, bins, n), grad.dtype)
    for b, m, j in np.ndindex(batch, bins, n):
        at = m * every + int(later[j])
        if int(later[j]) >= 0 and at < bins * every:
            grad_spikes[b, m, j] = grad[b, min(at, steps - 1), j]
    return grad_spikes


def kept(spikes: Array) -> Array:
    """The spikes for `slope`: as int8 where those hold every one of them, else as they are."""
    if all(np.int8(-128) <= value <= np.int8(127) and value == int(value) for value in spikes.flat):
        return spikes.astype(np.int8)
    return spikes


def slope(spikes: Array, grad_spikes: Array) -> Array:
    """What it costs to send all spikes a bin later: sum_m spikes[m] (dE/dspikes[m+1] - dE/dspikes[m]), 0 at the end.

    Args:
        spikes: (batch, bins, n), as from `kept`.
        grad_spikes: (batch, bins, n).

    Returns:
        (batch, n) float64.
    """
    batch, bins, n = spikes.shape
    cost = np.zeros((batch, n))
    for b, m, j in np.ndindex(batch, bins, n):
        later = float(grad_spikes[b, m + 1, j]) if m + 1 < bins else 0.0
        cost[b, j] += float(spikes[b, m, j]) * (later - float(grad_spikes[b, m, j]))
    return cost
