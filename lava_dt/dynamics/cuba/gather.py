"""Kernels of the fused CuBa layer with dense connections: what a spike adds is one row of the weights.

Rows are added four at a time, the last group filled up with a row of zeros, because calling the loop costs as much as
a few rows. Indices are uint64, so that none has to be checked for being negative.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.dynamics.cuba import step

MOST_ROWS = 252  # of int8 that int16 holds the sum of: 252 * 128 < 2**15


@njit(nogil=True, cache=True)
def forward(
    first, end, start, index, count, rows, steps, hop, factor, values, soft_reset, current_before, voltage_before,
    spikes, tail, saved, save, current, voltage,
):  # fmt: skip
    """Pieces are blocks of neurons times samples; a thread stays with the weights of its block. See `from_events`."""
    batch, total = current.shape
    width = rows.shape[2]
    block = np.zeros(step.SLOTS * step.SLOT, values.dtype)
    x = np.zeros(step.SLOT, values.dtype)
    sums = np.zeros(step.SLOT, np.int16)
    zero = np.uint64(0)
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
                _add_once(x, sums, n, rows, np.uint64(k), index, low, high)
            saved_row = np.uint64(b * steps + t if save else b)
            if t + hop < steps:
                row = np.uint64(b * steps + t + hop)
                step.advance(block, n, x, zero, sums, factor, soft_reset, spikes, row, saved, saved_row, column)
            else:
                row = np.uint64(b * hop + t + hop - steps)
                step.advance(block, n, x, zero, sums, factor, soft_reset, tail, row, saved, saved_row, column)
        step.store(block, n, current, voltage, b, k * width)


@njit(nogil=True, cache=True)
def _add_once(x, sums, n, rows, k, index, low, high):
    """Adds the rows of the events low ... high - 1 to sums (int16), or to x when sums is full."""
    zeros = np.uint64(rows.shape[1] - 1)
    for e in range(low, high, 4):
        if e > low and (e - low) % MOST_ROWS == 0:
            _empty(x, sums, n)
        a = np.uint64(index[e])
        b = np.uint64(index[e + 1]) if e + 1 < high else zeros
        c = np.uint64(index[e + 2]) if e + 2 < high else zeros
        d = np.uint64(index[e + 3]) if e + 3 < high else zeros
        _add_four(sums, n, rows, k, a, b, c, d)


@njit(nogil=True, cache=True)
def _add_four(sums, n, rows, k, a, b, c, d):
    for i in range(n):
        j = np.uint64(i)
        pair = np.int16(np.int16(rows[k, a, j]) + np.int16(rows[k, b, j]))
        other = np.int16(np.int16(rows[k, c, j]) + np.int16(rows[k, d, j]))
        sums[j] = np.int16(np.int16(sums[j] + pair) + other)


@njit(nogil=True, cache=True)
def _empty(x, sums, n):
    for j in range(n):
        x[j] += sums[j]
        sums[j] = 0


@njit(nogil=True, cache=True)
def _add_counted(x, n, count, rows, k, a):
    whole = x.dtype.type
    for i in range(n):
        j = np.uint64(i)
        x[j] = whole(x[j] + whole(whole(count) * whole(rows[k, a, j])))


@njit(nogil=True, cache=True)
def sum_inputs(first, end, start, place, count, grad, grad_rows):
    """Pieces are inputs: adds to their rows of grad_rows what stands in grad at their events, one after the other.

    start, place, count: of `by_input`, one group of it. The last row of grad holds zeros.
    """
    total = grad.shape[1]
    zeros = np.uint64(grad.shape[0] - 1)
    for column in range(0, total, step.SLOT):
        n = min(step.SLOT, total - column)
        at = np.uint64(column)
        for i in range(first, end):
            row, high = np.uint64(i), start[i + 1]
            if count.size:
                for e in range(start[i], high):
                    _sum_counted(grad_rows, row, at, n, count[e], grad, np.uint64(place[e]))
                continue
            for e in range(start[i], high, 4):
                a = np.uint64(place[e])
                b = np.uint64(place[e + 1]) if e + 1 < high else zeros
                c = np.uint64(place[e + 2]) if e + 2 < high else zeros
                d = np.uint64(place[e + 3]) if e + 3 < high else zeros
                _sum_four(grad_rows, row, at, n, grad, a, b, c, d)


@njit(nogil=True, cache=True)
def _sum_four(grad_rows, row, column, n, grad, a, b, c, d):
    for i in range(n):
        j = column + np.uint64(i)
        total = grad_rows[row, j] + grad[a, j] + grad[b, j]
        grad_rows[row, j] = total + grad[c, j] + grad[d, j]


@njit(nogil=True, cache=True)
def _sum_counted(grad_rows, row, column, n, count, grad, a):
    factor = np.float32(count)
    for i in range(n):
        j = column + np.uint64(i)
        grad_rows[row, j] += factor * grad[a, j]
