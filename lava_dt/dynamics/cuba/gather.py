"""Kernels of the fused CuBa layer with dense connections: what a spike adds is one row of the weights.

Rows are added eight at a time, those left four at a time, the last group filled up with a row of zeros: what a group
costs beside its rows is as much as a few of them. Indices are uint64, so that none has to be checked for being
negative.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.cache import aligned_zeros
from lava_dt.dynamics.cuba import adjoint, step

MOST_ROWS = 248  # of int8 that int16 holds the sum of, in eights: 248 * 128 < 2**15


@njit(nogil=True, cache=True)
def forward(
    first, end, start, index, count, rows, steps, hop, factor, values, soft_reset, current_before, voltage_before,
    spikes, tail, saved, save, current, voltage,
):  # fmt: skip
    """Pieces are blocks of neurons times samples; a thread stays with the weights of its block. See `from_events`."""
    batch, total = current.shape
    width = rows.shape[2]
    block = aligned_zeros(step.SLOTS * step.SLOT, values.dtype)
    x = aligned_zeros(step.SLOT, values.dtype)
    sums = aligned_zeros(step.SLOT, np.int16)
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


@njit(nogil=True, cache=True, forceinline=True)
def _add_once(x, sums, n, rows, k, index, low, high):
    """Adds the rows of the events low ... high - 1 to sums (int16), or to x when sums is full."""
    zeros = np.uint64(rows.shape[1] - 1)
    for e in range(low, high, 8):
        if e > low and (e - low) % MOST_ROWS == 0:
            _empty(x, sums, n)
        if e + 8 <= high:
            _add_eight(
                sums,
                n,
                rows,
                k,
                np.uint64(index[e]),
                np.uint64(index[e + 1]),
                np.uint64(index[e + 2]),
                np.uint64(index[e + 3]),
                np.uint64(index[e + 4]),
                np.uint64(index[e + 5]),
                np.uint64(index[e + 6]),
                np.uint64(index[e + 7]),
            )
        else:
            for f in range(e, high, 4):
                a = np.uint64(index[f])
                b = np.uint64(index[f + 1]) if f + 1 < high else zeros
                c = np.uint64(index[f + 2]) if f + 2 < high else zeros
                d = np.uint64(index[f + 3]) if f + 3 < high else zeros
                _add_four(sums, n, rows, k, a, b, c, d)


@njit(nogil=True, cache=True, forceinline=True)
def _add_four(sums, n, rows, k, a, b, c, d):
    for i in range(n):
        j = np.uint64(i)
        pair = np.int16(np.int16(rows[k, a, j]) + np.int16(rows[k, b, j]))
        other = np.int16(np.int16(rows[k, c, j]) + np.int16(rows[k, d, j]))
        sums[j] = np.int16(np.int16(sums[j] + pair) + other)


@njit(nogil=True, cache=True, forceinline=True)
def _add_eight(sums, n, rows, k, a, b, c, d, e, f, g, h):
    for i in range(n):
        j = np.uint64(i)
        p = np.int16(np.int16(rows[k, a, j]) + np.int16(rows[k, b, j]))
        q = np.int16(np.int16(rows[k, c, j]) + np.int16(rows[k, d, j]))
        r = np.int16(np.int16(rows[k, e, j]) + np.int16(rows[k, f, j]))
        s = np.int16(np.int16(rows[k, g, j]) + np.int16(rows[k, h, j]))
        sums[j] = np.int16(np.int16(sums[j] + np.int16(p + q)) + np.int16(r + s))


@njit(nogil=True, cache=True)
def _empty(x, sums, n):
    for j in range(n):
        x[j] += sums[j]
        sums[j] = 0


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

    start, place, count: of `by_input`, in groups of ``group`` rows. kept: (rows + 1, n), which takes the drive's
    gradient, the last row zeros; empty where nobody wants it. Written: grad_rows (inputs, n).
    """
    rows, total = voltage.shape
    keep = kept.shape[0] > 0
    block = aligned_zeros(adjoint.SLOTS * adjoint.SLOT, np.float32)
    grad = kept if keep else aligned_zeros((group + 1) * width, np.float32).reshape(group + 1, width)
    for piece in range(first, end):
        column = piece * width
        n = min(width, total - column)
        adjoint.load(block, n, values, column)
        grad_rows[:, column : column + n] = 0
        at = column if keep else 0
        for g in range(start.shape[0]):
            low = g * group
            base = low if keep else 0
            for row in range(low, min(low + group, rows), max(steps, 1)):
                adjoint.sweep(block, n, unit, grad_spikes, voltage, row, steps, hop, column, grad, base + row - low, at)
            _sum_inputs(start[g], place, count, grad, np.uint64(base), np.uint64(at), grad_rows, np.uint64(column), n)


@njit(nogil=True, cache=True)
def _sum_inputs(start, place, count, grad, base, at, grad_rows, column, n):
    """Adds to the inputs' rows of grad_rows what stands in grad at their events, one after the other."""
    zeros = np.uint64(grad.shape[0] - 1)
    for i in range(grad_rows.shape[0]):
        row, high = np.uint64(i), start[i + 1]
        if count.size:
            for e in range(start[i], high):
                _sum_counted(grad_rows, row, column, n, count[e], grad, base + np.uint64(place[e]), at)
            continue
        for e in range(start[i], high, 4):
            a = base + np.uint64(place[e])
            b = base + np.uint64(place[e + 1]) if e + 1 < high else zeros
            c = base + np.uint64(place[e + 2]) if e + 2 < high else zeros
            d = base + np.uint64(place[e + 3]) if e + 3 < high else zeros
            _sum_four(grad_rows, row, column, n, grad, a, b, c, d, at)


@njit(nogil=True, cache=True, forceinline=True)
def _sum_four(grad_rows, row, column, n, grad, a, b, c, d, at):
    for i in range(n):
        j, k = column + np.uint64(i), at + np.uint64(i)
        total = grad_rows[row, j] + grad[a, k] + grad[b, k]
        grad_rows[row, j] = total + grad[c, k] + grad[d, k]


@njit(nogil=True, cache=True)
def _sum_counted(grad_rows, row, column, n, count, grad, a, at):
    factor = np.float32(count)
    for i in range(n):
        j, k = column + np.uint64(i), at + np.uint64(i)
        grad_rows[row, j] += factor * grad[a, k]
