"""Kernels of the fused CuBa layer with connections of any kind: a spike adds rows of weights to runs of neurons."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.cache import aligned_zeros, settle, write_past
from lava_dt.dynamics.cuba import adjoint, step


@njit(nogil=True, cache=True)
def forward(
    first, end, link_start, target, link_row, start, index, count, rows, steps, hop, factor, values, soft_reset,
    current_before, voltage_before, spikes, tail, saved, current, voltage,
):  # fmt: skip
    """Pieces are samples; all neurons of one advance together, block by block. See `from_events`."""
    total = current.shape[1]
    size = step.SLOTS * step.SLOT
    blocks = aligned_zeros(-(-total // step.SLOT) * size, values.dtype).reshape((-1, size))
    x = aligned_zeros(total, values.dtype)
    fired, reached = aligned_zeros(step.SLOT, np.float32), aligned_zeros(step.SLOT, np.float32)
    for b in range(first, end):
        for k in range(blocks.shape[0]):
            n = min(step.SLOT, total - k * step.SLOT)
            step.load(blocks[k], n, values, current_before, voltage_before, b, k * step.SLOT)
        for t in range(steps):
            for e in range(start[b * steps + t], start[b * steps + t + 1]):
                times = x.dtype.type(count[e] if count.size else 1)
                for link in range(link_start[index[e]], link_start[index[e] + 1]):
                    _add_run(x, np.uint64(target[link]), times, rows, np.uint64(link_row[link]))
            for k in range(blocks.shape[0]):
                n = min(step.SLOT, total - k * step.SLOT)
                column = np.uint64(k * step.SLOT)
                step.advance(blocks[k], n, x, column, factor, soft_reset, fired, reached)
                if t + hop < steps:
                    write_past(fired, n, spikes, np.uint64(b * steps + t + hop), column)
                else:
                    write_past(fired, n, tail, np.uint64(b * hop + t + hop - steps), column)
                if saved.shape[0]:
                    write_past(reached, n, saved, np.uint64(b * steps + t), column)
        for k in range(blocks.shape[0]):
            n = min(step.SLOT, total - k * step.SLOT)
            step.store(blocks[k], n, current, voltage, b, k * step.SLOT)
    settle()


@njit(nogil=True, cache=True)
def _add_run(x, target, times, rows, row):
    whole = x.dtype.type
    for i in range(rows.shape[2]):
        j = np.uint64(i)
        x[target + j] = whole(x[target + j] + whole(times * whole(rows[0, row, j])))


@njit(nogil=True, cache=True)
def backward(
    first, end, grad_spikes, voltage, steps, hop, values, unit, start, index, count, link_start, target, link_row,
    batch, grad, keep, grad_rows,
):  # fmt: skip
    """Pieces are parts of the batch, each with a sum (n_rows, width) of its own in grad_rows (parts, n_rows, width).

    grad: (batch * steps, n) where ``keep``, which is filled, else room for one row a part.
    """
    total = voltage.shape[1]
    parts = grad_rows.shape[0]
    size = adjoint.SLOTS * adjoint.SLOT
    blocks = aligned_zeros(-(-total // step.SLOT) * size, np.float32).reshape((-1, size))
    for part in range(first, end):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            for k in range(blocks.shape[0]):
                n = min(step.SLOT, total - k * step.SLOT)
                blocks[k, : 2 * step.SLOT] = 0
                adjoint.load(blocks[k], n, values, k * step.SLOT)
            if keep:
                grad[b * steps + max(steps - hop, 0) : (b + 1) * steps] = 0
            for t in range(steps - hop - 1, -1, -1):
                row = np.uint64(b * steps + t)
                later = np.uint64(b * steps + t + hop)
                out = np.uint64(b * steps + t if keep else part)
                for k in range(blocks.shape[0]):
                    n = min(step.SLOT, total - k * step.SLOT)
                    column = np.uint64(k * step.SLOT)
                    adjoint.retreat(blocks[k], n, unit, grad_spikes, later, voltage, row, column, grad, out, column)
                for e in range(start[b * steps + t], start[b * steps + t + 1]):
                    times = np.float32(count[e] if count.size else 1)
                    for link in range(link_start[index[e]], link_start[index[e] + 1]):
                        _sum_run(grad_rows, part, link_row[link], times, grad, out, np.uint64(target[link]))


@njit(nogil=True, cache=True)
def _sum_run(grad_rows, part, link_row, times, grad, row, target):
    p, r = np.uint64(part), np.uint64(link_row)
    for i in range(grad_rows.shape[2]):
        j = np.uint64(i)
        grad_rows[p, r, j] += times * grad[row, target + j]
