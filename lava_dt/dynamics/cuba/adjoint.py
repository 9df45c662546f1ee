"""One time step of a block of CuBa neurons backward: surrogate of the spike and adjoint of both leaks.

    g[t] = grad_spikes[t] rho(v[t]),   gv[t] = g[t] + (1 - b) gv[t+1],   gu[t] = gv[t] + (1 - a) gu[t+1]
    rho(v) = scale_rho/(2 tau) exp(-|v - theta|/tau)

Laid out in one array at fixed distances as in `step`, for the same reason.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from lava_dt.cache import aligned_zeros, prefetch
from lava_dt.dynamics.cuba.step import SLOT
from lava_dt.vectors import with_whole_vectors

SLOTS = 7
AHEAD = 4  # rows that are asked for before they are needed
GRAD_VOLTAGE, GRAD_CURRENT, KEEP_VOLTAGE, KEEP_CURRENT, CENTRE, SLOPE, HEIGHT = (
    np.uint64(SLOT * slot) for slot in range(SLOTS)
)

_LN2 = [np.float32(math.log(2) ** k / math.factorial(k)) for k in range(7)]
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = _LN2


@intrinsic
def _float_of_bits(typing_context: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@njit(nogil=True, cache=True, fastmath={"contract"}, inline="always")
def power_of_two(x):
    """2**x for float32 x <= 0, relative error below 3e-7, 0 below 2**-126: Taylor's series around the nearest integer.

    Free of branches and calls, so that a loop over it becomes vector instructions.
    """
    x = np.float32(-127.0) if x < np.float32(-127.0) else x
    exponent = np.int32(x - np.float32(0.5))
    f = x - np.float32(exponent)
    series = _L0 + f * (_L1 + f * (_L2 + f * (_L3 + f * (_L4 + f * (_L5 + f * _L6)))))
    return series * _float_of_bits(np.int32(np.int32(exponent + np.int32(127)) << np.int32(23)))


@njit(nogil=True, cache=True, fastmath={"contract"}, forceinline=True)
def retreat(block, n, unit, grad_spikes, grad_row, voltage, row, column, grad, out_row, out_column):
    """Goes one step back in time with n neurons; indices are uint64.

    block: (SLOTS * SLOT,) float32. unit: 1/scale, which turns voltage[row, column:column+n] into real units.
    Written: grad[out_row, out_column:out_column+n], the gradient of the drive.
    """
    with_whole_vectors()
    for i in range(n):
        j = np.uint64(i)
        distance = abs(voltage[row, column + j] * unit - block[CENTRE + j])
        rho = block[HEIGHT + j] * power_of_two(-distance * block[SLOPE + j])
        g_v = grad_spikes[grad_row, column + j] * rho + block[KEEP_VOLTAGE + j] * block[GRAD_VOLTAGE + j]
        block[GRAD_VOLTAGE + j] = g_v
        g_u = g_v + block[KEEP_CURRENT + j] * block[GRAD_CURRENT + j]
        block[GRAD_CURRENT + j] = g_u
        grad[out_row, out_column + j] = g_u


@njit(nogil=True, cache=True)
def load(block, n, parameters, column):
    """Fills a block with the parameters (5, neurons), in the order of the slots, of n neurons from ``column``."""
    for slot in range(2, SLOTS):
        for j in range(n):
            block[slot * SLOT + j] = parameters[slot - 2, column + j]


@njit(nogil=True, cache=True)
def sweep(block, n, unit, grad_spikes, voltage, row, steps, hop, column, grad, out_row, out_column):
    """Goes back through all steps of a sample, whose first stands in ``row`` of the signals and ``out_row`` of grad.

    What fired in the last ``hop`` steps arrives in another call and has no gradient.
    """
    block[: 2 * SLOT] = 0
    last = max(steps - hop, 0)
    grad[out_row + last : out_row + steps, out_column : out_column + n] = 0
    for t in range(last - 1, -1, -1):
        if t >= AHEAD:
            ahead, total = np.uint64(row + t - AHEAD), np.uint64(voltage.shape[1])
            prefetch(voltage, ahead * total + np.uint64(column), n)
            prefetch(grad_spikes, (ahead + np.uint64(hop)) * total + np.uint64(column), n)
        retreat(
            block,
            n,
            unit,
            grad_spikes,
            np.uint64(row + t + hop),
            voltage,
            np.uint64(row + t),
            np.uint64(column),
            grad,
            np.uint64(out_row + t),
            np.uint64(out_column),
        )


@njit(nogil=True, cache=True)
def sweep_samples(first, end, grad_spikes, voltage, steps, hop, values, unit, grad):
    """Pieces are samples times blocks of neurons; fills the first rows of grad (batch * steps or more, n)."""
    total = voltage.shape[1]
    blocks = -(-total // SLOT)
    block = aligned_zeros(SLOTS * SLOT, np.float32)
    for piece in range(first, end):
        row = piece // blocks * steps
        column = piece % blocks * SLOT
        n = min(SLOT, total - column)
        load(block, n, values, column)
        sweep(block, n, unit, grad_spikes, voltage, row, steps, hop, column, grad, row, column)
