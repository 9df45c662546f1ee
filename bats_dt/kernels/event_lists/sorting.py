"""A stable sort of event lists: linear for times spread out or nearly sorted, a merge sort for others."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

MOST_MOVES = 8  # an event in the insertion sort: beyond it a merge sort is faster
RUN = 8  # sorted by insertion before merging


@njit(cache=True, error_model="numpy")
def sort_events(times, neurons, order, spare):
    """Fill ``order`` with the indices that sort by (time, neuron), otherwise as they came; ``spare``: as long."""
    n = order.size
    keys = np.empty(n, times.dtype)  # the times in the order so far
    _distribute(times, order, spare, keys)
    if not _insert(keys, neurons, order, 0, n, MOST_MOVES * n):
        for low in range(0, n, RUN):
            _insert(keys, neurons, order, low, min(low + RUN, n), RUN * RUN)
        width = RUN
        while width < n:
            for low in range(0, n, 2 * width):
                _merge(times, neurons, order, spare, low, min(low + width, n), min(low + 2 * width, n))
            for i in range(n):
                order[i] = spare[i]
            width *= 2


@njit(cache=True, error_model="numpy")
def _distribute(times, order, places, keys):
    """Put events into as many buckets of time as there are events."""
    n = order.size
    if n == 0:
        return
    earliest = times[0]
    latest = earliest
    for i in range(n):
        earliest = min(earliest, times[i])
        latest = max(latest, times[i])
        places[i] = 0
    origin = np.float64(earliest)
    scale = (n - 1) / (np.float64(latest) - origin) if latest > earliest else 0.0
    if not scale < np.inf:
        scale = 0.0  # times differ by less than can be divided by: one bucket
    for i in range(n):
        places[np.int64((times[i] - origin) * scale)] += 1
    begin = 0
    for bucket in range(n):
        size = places[bucket]
        places[bucket] = begin
        begin += size
    for i in range(n):
        bucket = np.int64((times[i] - origin) * scale)
        place = places[bucket]
        places[bucket] = place + 1
        order[place] = i
        keys[place] = times[i]


@njit(cache=True, error_model="numpy")
def _insert(keys, neurons, order, low, high, moves):
    """Sort order[low:high] by insertion; False, with a part of it sorted, if that takes more than ``moves``."""
    for i in range(low + 1, high):
        key = keys[i]
        if keys[i - 1] < key:
            continue
        moved = order[i]
        k = i
        while k > low and (key < keys[k - 1] or (key == keys[k - 1] and neurons[moved] < neurons[order[k - 1]])):
            keys[k] = keys[k - 1]
            order[k] = order[k - 1]
            k -= 1
        keys[k] = key
        order[k] = moved
        moves -= i - k
        if moves < 0:
            return False
    return True


@njit(cache=True, error_model="numpy")
def _before(times, neurons, i, k):
    return times[i] < times[k] or (times[i] == times[k] and neurons[i] < neurons[k])


@njit(cache=True, error_model="numpy")
def _merge(times, neurons, order, merged, low, middle, high):
    left = low
    right = middle
    for place in range(low, high):
        if left < middle and (right >= high or not _before(times, neurons, order[right], order[left])):
            merged[place] = order[left]
            left += 1
        else:
            merged[place] = order[right]
            right += 1
