"""A stable merge sort of event lists, compiled in a fraction of the time that NumPy's argsort takes in Numba."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from numba import njit

RUN = 16  # sorted by insertion


@njit(cache=True, error_model="numpy")
def sort_events(times, neurons, order, spare):
    """Fill ``order`` with the indices that sort by (time, neuron), otherwise as they came; ``spare``: as long."""
    n = order.size
    for low in range(0, n, RUN):
        for i in range(low, min(low + RUN, n)):
            k = i
            while k > low and _before(times, neurons, i, order[k - 1]):
                order[k] = order[k - 1]
                k -= 1
            order[k] = i
    width = RUN
    while width < n:
        for low in range(0, n, 2 * width):
            _merge(times, neurons, order, spare, low, min(low + width, n), min(low + 2 * width, n))
        for i in range(n):
            order[i] = spare[i]
        width *= 2


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
