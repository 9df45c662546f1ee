"""A stable sort of event lists: linear for times spread out, a merge sort for others."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

LARGEST_BUCKET = 48  # beyond it insertion would be slow
RUN = 8  # sorted by insertion before merging


@njit(cache=True, error_model="numpy")
def sort_events(times, neurons, order, spare):
    """Fill ``order`` with the indices that sort by (time, neuron), otherwise as they came; ``spare``: as long."""
    n = order.size
    if not _distribute(times, order, spare):
        for i in range(n):
            order[i] = i
        for low in range(0, n, RUN):
            _insert(times, neurons, order, low, min(low + RUN, n))
        width = RUN
        while width < n:
            for low in range(0, n, 2 * width):
                _merge(times, neurons, order, spare, low, min(low + width, n), min(low + 2 * width, n))
            for i in range(n):
                order[i] = spare[i]
            width *= 2
    else:
        _insert(times, neurons, order, 0, n)


@njit(cache=True, error_model="numpy")
def _distribute(times, order, places):
    """Put events into as many buckets of time as there are events; False if a bucket gets too many."""
    n = order.size
    if n == 0:
        return True
    earliest = np.float64(times[0])
    latest = earliest
    for i in range(n):
        earliest = min(earliest, np.float64(times[i]))
        latest = max(latest, np.float64(times[i]))
        places[i] = 0
    scale = (n - 1) / (latest - earliest) if latest > earliest else 0.0
    if not scale < np.inf:
        return False
    for i in range(n):
        places[np.int64((times[i] - earliest) * scale)] += 1
    begin = 0
    for bucket in range(n):
        size = places[bucket]
        if size > LARGEST_BUCKET:
            return False
        places[bucket] = begin
        begin += size
    for i in range(n):
        bucket = np.int64((times[i] - earliest) * scale)
        order[places[bucket]] = i
        places[bucket] += 1
    return True


@njit(cache=True, error_model="numpy")
def _before(times, neurons, i, k):
    return times[i] < times[k] or (times[i] == times[k] and neurons[i] < neurons[k])


@njit(cache=True, error_model="numpy")
def _insert(times, neurons, order, low, high):
    for i in range(low + 1, high):
        moved = order[i]
        k = i
        while k > low and _before(times, neurons, moved, order[k - 1]):
            order[k] = order[k - 1]
            k -= 1
        order[k] = moved


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
