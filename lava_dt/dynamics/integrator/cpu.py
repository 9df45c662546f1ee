"""Numba kernels of the leaky integrator: rows of the time axis in parallel, arithmetic in int64 as lava-dl's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from bats_dt.kernels.threads import run_pieces
from lava_dt.dynamics.integrator.reference import Array


@njit(nogil=True, cache=True)
def _forward(
    first: int,
    end: int,
    x: Array,
    decay: Array,
    state: Array,
    scale: Any,
    threshold: Array,
    soft_reset: bool,
    y: Array,
) -> None:
    _, channels, rest, steps = x.shape
    for row in range(first, end):
        n = row // (channels * rest)
        c = row // rest % channels
        r = row % rest
        keep = 4096 - decay[c % decay.size]
        level = threshold[c % threshold.size]
        state_now = state[n, c, r]
        for t in range(steps):
            product = state_now * keep
            state_now = product >> 12 if product >= 0 else -((-product) >> 12)
            state_now += np.int64(scale * x[n, c, r, t])
            y[n, c, r, t] = np.float32(state_now) / np.float32(scale)
            if level > 0 and state_now > level:
                state_now = state_now - level if soft_reset else 0


@njit(nogil=True, cache=True)
def _backward(first: int, end: int, grad_y: Array, keep: Array, grad_x: Array) -> None:
    _, channels, rest, steps = grad_y.shape
    for row in range(first, end):
        n = row // (channels * rest)
        c = row // rest % channels
        r = row % rest
        factor = keep[c % keep.size]
        carried = grad_y[n, c, r, steps - 1]
        grad_x[n, c, r, steps - 1] = carried
        for t in range(steps - 2, -1, -1):
            carried = factor * carried + grad_y[n, c, r, t]
            grad_x[n, c, r, t] = carried


def forward(x: Array, decay: Array, state: Array, scale: int, threshold: Array, soft_reset: bool) -> Array:
    """See `reference.forward`."""
    y = np.empty_like(x)
    if x.size:
        start, one = np.ascontiguousarray(state), x.dtype.type(scale)
        run_pieces(
            x.size // x.shape[3],
            lambda first, end: _forward(first, end, x, decay, start, one, threshold, soft_reset, y),
        )
    return y


def backward(grad_y: Array, keep: Array) -> Array:
    """See `reference.backward`."""
    grad_x = np.empty_like(grad_y)
    if grad_y.size:
        run_pieces(grad_y.size // grad_y.shape[3], lambda first, end: _backward(first, end, grad_y, keep, grad_x))
    return grad_x
