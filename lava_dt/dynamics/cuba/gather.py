"""Kernels of the fused CuBa layer with dense connections: what a spike adds is one row of the weights.

Indices are uint64, so that none has to be checked for being negative.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.cache import aligned_zeros, settle, write_past
from lava_dt.dynamics.cuba import adjoint, step
from lava_dt.dynamics.row_sums import add_rows, add_weights


@njit(nogil=True, cache=True)
def forward(
    first, end, start, index, count, rows, steps, hop, factor, values, soft_reset, current_before, voltage_before,
    spikes, tail, saved, current, voltage,
):  # fmt: skip
    """Pieces are blocks of neurons times samples; a thread stays with the weights of its block. See `from_events`."""
    batch, total = current.shape
    width = rows.shape[2]
    block = aligned_zeros(step.SLOTS * step.SLOT, values.dtype)
    x = aligned_zeros(step.SLOT, values.dtype)
    fired, reached = aligned_zeros(step.SLOT, np.float32), aligned_zeros(step.SLOT, np.float32)
    for piece in range(first, end):
        k, b = piece // batch, piece % batch
        column = np.uint64(k * width)
        n = min(width, total - k * width)
        step.load(block, n, values, current_before, voltage_before, b, k * width)
        for t in range(steps):
            low, high = start[b * steps + t], start[b * steps + t + 1]
            if count.size:
                for e in range(low, high):
                    _add_counted(x, n, count[e], rows, np.uint64(k), np.uint64(index[e]))
            else:
                add_weights(x, rows, np.uint64(k), index, low, high)
            step.advance(block, n, x, np.uint64(0), factor, soft_reset, fired, reached)
            if t + hop < steps:
                write_past(fired, n, spikes, np.uint64(b * steps + t + hop), column)
            else:
                write_past(fired, n, tail, np.uint64(b * hop + t + hop - steps), column)
            if saved.shape[0]:
                write_past(reached, n, saved, np.uint64(b * steps + t), column)
        step.store(block, n, current, voltage, b, k * width)
    settle()


@njit(nogil=True, cache=True, forceinline=True)
def _add_counted(x, n, count, rows, k, a):
    whole = x.dtype.type
    for i in range(n):
        j = np.uint64(i)
        x[j] = whole(x[j] + whole(whole(count) * whole(rows[k, a, j])))


@njit(nogil=True, cache=True)
def backward(
    first, end, grad_spikes, voltage, steps, hop, values, unit, start, place, count, group, width, kept, grad_rows
):
    """Pieces are blocks of ``width`` neurons: a group of samples is swept, then summed by input while it is at hand.

    start, place, count: of `by_input`, in groups of ``group`` rows. kept: (rows, n), which takes the drive's gradient;
    empty where nobody wants it. Written: grad_rows (inputs, n).
    """
    rows, total = voltage.shape
    keep = kept.shape[0] > 0
    block = aligned_zeros(adjoint.SLOTS * adjoint.SLOT, np.float32)
    grad = kept if keep else aligned_zeros(group * width, np.float32).reshape(group, width)
    for piece in range(first, end):
        column = piece * width
        n = min(width, total - column)
        adjoint.load(block, n, values, column)
        at = column if keep else 0
        for g in range(start.shape[0]):
            low = g * group
            base = low if keep else 0
            for row in range(low, min(low + group, rows), max(steps, 1)):
                adjoint.sweep(block, n, unit, grad_spikes, voltage, row, steps, hop, column, grad, base + row - low, at)
            columns = np.uint64(column), np.uint64(n)
            _sum_inputs(start[g], place, count, grad, np.uint64(base), np.uint64(at), grad_rows, *columns, g == 0)


@njit(nogil=True, cache=True)
def _sum_inputs(start, place, count, grad, base, at, grad_rows, column, n, anew):
    """Adds to the inputs' rows of grad_rows, or to zeros, what stands in grad at their events, one after the other."""
    for i in range(grad_rows.shape[0]):
        row, low, high = np.uint64(i), start[i], start[i + 1]
        if anew:
            grad_rows[row, column : column + n] = 0
        if count.size:
            for e in range(low, high):
                _sum_counted(grad_rows, row, column, n, count[e], grad, base + np.uint64(place[e]), at)
        elif low < high:
            add_rows(grad_rows, row, column, n, grad, base, at, place, low, high)


@njit(nogil=True, cache=True)
def _sum_counted(grad_rows, row, column, n, count, grad, a, at):
    factor = np.float32(count)
    for i in range(n):
        j, k = column + np.uint64(i), at + np.uint64(i)
        grad_rows[row, j] += factor * grad[a, k]
