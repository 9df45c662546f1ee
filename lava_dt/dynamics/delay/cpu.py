"""Spikes on their way, in Numba: a few neurons of a sample at a time, all their steps in memory of its own.

Every neuron of a row goes to another row. Where a signal lies, rows are often a power of two apart and drive each other
out of the first cache, so those of a block are laid side by side first, with room for the longest delay, which spares a
test a spike. Nothing here depends on how many spikes there are.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.threads import run_pieces
from lava_dt.dynamics.delay.reference import Array
from lava_dt.room import room

BLOCK = 64  # neurons
ROUND = 1 << 14  # numbers that are looked at as a whole


def forward(spikes: Array, later: Array, every: int, steps: int) -> Array:
    """See `reference.forward`."""
    batch, bins, n = spikes.shape
    moved = room(batch, steps, n).numpy()
    arrays = (_rows(spikes), bins, _within(later, bins * every), every, _rows(moved), steps)
    _divide(moved, lambda first, end: _forward(first, end, *arrays))
    return moved


def backward(grad: Array, later: Array, every: int, bins: int) -> Array:
    """See `reference.backward`."""
    batch, steps, n = grad.shape
    grad_spikes = room(batch, bins, n).numpy()
    arrays = (_rows(grad), steps, _within(later, bins * every), every, _rows(grad_spikes), bins)
    _divide(grad, lambda first, end: _backward(first, end, *arrays))
    return grad_spikes


def kept(spikes: Array) -> Array:
    """See `reference.kept`."""
    small = np.empty(spikes.shape, np.int8)
    flat, flat_small = spikes.reshape(-1), small.reshape(-1)
    whole: list[bool] = []
    run_pieces(
        -(-spikes.size // ROUND), lambda first, end: whole.append(_shrink(first, end, flat, flat_small)), spikes.size
    )
    return small if all(whole) else spikes


def slope(spikes: Array, grad_spikes: Array) -> Array:
    """See `reference.slope`."""
    cost = np.zeros((spikes.shape[0], spikes.shape[2]))
    run_pieces(cost.shape[0], lambda first, end: _slope(first, end, spikes, grad_spikes, cost), spikes.size)
    return cost


def _rows(signal: Array) -> Array:
    return signal.reshape(-1, signal.shape[2])


def _within(later: Array, limit: int) -> Array:
    """What arrives never, or after the last bin, arrives at the first step after it, in uint64."""
    return np.minimum(later.view(np.uint64), np.uint64(limit))  # below zero is far beyond


def _divide(fine: Array, piece) -> None:
    batch, _, n = fine.shape
    run_pieces(batch * -(-n // BLOCK), piece, fine.size)


# Indices are uint64, so that none has to be checked for being negative.


@njit(nogil=True, cache=True)
def _forward(first, end, spikes, bins, later, every, moved, steps):
    n = spikes.shape[1]
    blocks = -(-n // BLOCK)
    offset = np.empty(BLOCK, np.uint64)
    block = np.empty((bins * every + np.int64(later.max()), BLOCK), spikes.dtype)
    for piece in range(first, end):
        b, column = piece // blocks, piece % blocks * BLOCK
        width = min(BLOCK, n - column)
        _offsets(offset, later, column, width)
        block[:] = 0
        _lay(block.ravel(), bins, every, offset, spikes, np.uint64(b * bins), np.uint64(column), width)
        for t in range(steps, bins * every):
            block[steps - 1] += block[t]
        _copy_out(moved, np.uint64(b * steps), np.uint64(column), width, block, steps)


@njit(nogil=True, cache=True)
def _backward(first, end, grad, steps, later, every, grad_spikes, bins):
    n = grad.shape[1]
    blocks = -(-n // BLOCK)
    offset = np.empty(BLOCK, np.uint64)
    block = np.zeros((bins * every + np.int64(later.max()), BLOCK), grad.dtype)
    for piece in range(first, end):
        b, column = piece // blocks, piece % blocks * BLOCK
        width = min(BLOCK, n - column)
        _offsets(offset, later, column, width)
        _copy_in(block, steps, grad, np.uint64(b * steps), np.uint64(column), width)
        for t in range(steps, bins * every):
            block[t] = block[steps - 1]
        _take(grad_spikes, np.uint64(b * bins), np.uint64(column), width, block.ravel(), bins, every, offset)


@njit(nogil=True, cache=True)
def _offsets(offset, later, column, width):
    """Places from a block's row to where a neuron of it arrives, the neuron's own column added."""
    for i in range(width):
        offset[i] = later[column + i] * np.uint64(BLOCK) + np.uint64(i)


@njit(nogil=True, cache=True)
def _lay(block, bins, every, offset, spikes, row, column, width):
    for m in range(bins):
        base, here = np.uint64(m * every * BLOCK), row + np.uint64(m)
        for k in range(width):
            i = np.uint64(k)
            block[base + offset[i]] = spikes[here, column + i]


@njit(nogil=True, cache=True)
def _take(grad_spikes, row, column, width, block, bins, every, offset):
    for m in range(bins):
        base, here = np.uint64(m * every * BLOCK), row + np.uint64(m)
        for k in range(width):
            i = np.uint64(k)
            grad_spikes[here, column + i] = block[base + offset[i]]


@njit(nogil=True, cache=True)
def _copy_in(block, steps, signal, row, column, width):
    for t in range(steps):
        here = np.uint64(t)
        for k in range(width):
            i = np.uint64(k)
            block[here, i] = signal[row + here, column + i]


@njit(nogil=True, cache=True)
def _copy_out(signal, row, column, width, block, steps):
    for t in range(steps):
        here = np.uint64(t)
        for k in range(width):
            i = np.uint64(k)
            signal[row + here, column + i] = block[here, i]


@njit(nogil=True, cache=True)
def _shrink(first, end, spikes, small):
    for low in range(first * ROUND, min(end * ROUND, spikes.size), ROUND):
        if not _shrink_round(spikes[low : low + ROUND], small[low : low + ROUND]):
            return False
    return True


@njit(nogil=True, cache=True)
def _shrink_round(spikes, small):
    """Whether none was lost; without a branch."""
    lost = False
    for k in range(spikes.size):
        whole = np.int8(np.int32(spikes[k]))
        small[k] = whole
        lost |= spikes[k] != whole
    return not lost


@njit(nogil=True, cache=True)
def _slope(first, end, spikes, grad, cost):
    last = spikes.shape[1] - 1
    for b in range(first, end):
        for m in range(last):
            _add_slope(cost[b], spikes[b, m], grad[b, m], grad[b, m + 1])
        if last >= 0:
            _add_slope(cost[b], spikes[b, last], grad[b, last], np.zeros_like(grad[b, last]))


@njit(nogil=True, cache=True)
def _add_slope(cost, spikes, now, later):
    for j in range(cost.size):
        cost[j] += np.float64(spikes[j]) * (np.float64(later[j]) - np.float64(now[j]))
