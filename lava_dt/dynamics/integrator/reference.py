"""The leaky integrator in plain loops that read like the equations; never optimised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(x: Array, decay: Array, state: Array, scale: int, threshold: Array, soft_reset: bool) -> Array:
    """Integers of Loihi's compartment, one after the other [A10-A13].

    Args:
        x: (batch, channel, rest, time), float.
        decay: (1,) or (channel,) int64 in [0, 4096].
        state: (batch, channel, rest) int64, y before the first step.
        scale: integers per real unit.
        threshold: (1,) or (channel,) int64; 0 or less: no spike.
        soft_reset: subtract the threshold at a spike instead of setting y to zero.

    Returns:
        y before the reset over scale, shape and type of x.
    """
    y = np.zeros_like(x)
    for n, c, r in np.ndindex(*x.shape[:3]):
        alpha = int(decay[c % decay.size])
        theta = int(threshold[c % threshold.size])
        y_t = int(state[n, c, r])
        for t in range(x.shape[3]):
            magnitude = (abs(y_t) * (4096 - alpha)) >> 12
            y_t = magnitude if y_t >= 0 else -magnitude
            y_t += int(x.dtype.type(scale) * x[n, c, r, t])
            y[n, c, r, t] = np.float32(y_t) / np.float32(scale)
            if theta > 0 and y_t > theta:
                y_t = y_t - theta if soft_reset else 0
    return y


def backward(grad_y: Array, keep: Array) -> Array:
    """Adjoint of the linear recurrence: dE/dx[t] = dE/dy[t] + keep dE/dx[t+1]. The reset is ignored.

    Args:
        grad_y: (batch, channel, rest, time), float.
        keep: (1,) or (channel,), 1 - decay/4096.
    """
    grad_x = np.zeros_like(grad_y)
    for n, c, r in np.ndindex(*grad_y.shape[:3]):
        carried = grad_y.dtype.type(0)
        for t in reversed(range(grad_y.shape[3])):
            carried = keep[c % keep.size] * carried + grad_y[n, c, r, t]
            grad_x[n, c, r, t] = carried
    return grad_x
