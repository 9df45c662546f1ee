"""Entries of a sparse tensor that are sorted by sample already, in Numba: each sample is sorted by step on its own.

The loops over the entries of a sample are small functions of their own: the compiler turns most of them into vector
instructions.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

UNFIT, COUNTS, ONES = 0, 1, 2


@njit(nogil=True, cache=True)
def list_samples(first, end, edge, places, values, shape, start, index, count):
    """Lists the samples first ... end-1; an event stands in ``index`` and ``count`` where its sample's entries stand.

    edge: (batch + 1,), the entries of sample b are edge[b] ... edge[b+1]-1. start: (batch * steps + 1,), of which the
    ends of the samples' rows are written.

    Returns:
        UNFIT, with index and count left open, where an entry is of another sample, outside the shape or no whole
        number below 2**31 other than 0; else whether all are ONES or there are other COUNTS.
    """
    steps = shape[-1]
    to = np.zeros(steps + 1, np.int64)
    longest = 0
    for b in range(first, end):
        longest = max(longest, edge[b + 1] - edge[b])
    neuron = np.empty(longest, np.int32)
    found = ONES
    for b in range(first, end):
        low, high = edge[b], edge[b + 1]
        step, value = places[-1, low:high], values[low:high]
        if not (_within(places[0, low:high], b, b + 1) and _within(step, 0, steps)):
            return UNFIT
        flat = neuron[: high - low]
        flat[:] = 0
        for axis in range(1, shape.size - 1):
            if not _within(places[axis, low:high], 0, shape[axis]):
                return UNFIT
            _add_axis(flat, places[axis, low:high], shape[axis])
        found = min(found, _kind(value))
        if found == UNFIT:
            return UNFIT
        _tally(step, to)
        to[0] = low
        for t in range(steps):
            to[t + 1] += to[t]
            start[b * steps + t + 1] = to[t + 1]
        _place(step, flat, value, to, index, count)
        to[:] = 0
    return found


@njit(nogil=True, cache=True)
def _within(places, low, high):
    beyond = np.uint8(0)
    for k in range(places.size):
        beyond |= np.uint8(places[k] < low) | np.uint8(places[k] >= high)
    return beyond == 0


@njit(nogil=True, cache=True)
def _add_axis(flat, places, size):
    for k in range(flat.size):
        flat[k] = np.int32(flat[k] * np.int32(size) + np.int32(places[k]))


@njit(nogil=True, cache=True)
def _kind(values):
    other = np.uint8(0)
    for number in values:
        other |= np.uint8(number != 1)
    if not other:
        return ONES
    for number in values:
        if not (abs(number) < 2147483648.0 and np.floor(number) == number and number != 0):
            return UNFIT
    return COUNTS


@njit(nogil=True, cache=True)
def _tally(step, to):
    for k in range(step.size):
        to[np.uint64(step[k]) + np.uint64(1)] += 1


@njit(nogil=True, cache=True)
def _place(step, neuron, value, to, index, count):
    for k in range(step.size):
        t = np.uint64(step[k])
        k_new = np.uint64(to[t])
        to[t] += 1
        index[k_new] = neuron[k]
        count[k_new] = value[k]
