"""Sorting into rows, merging and moving rows, in Numba."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.events.reference import LARGEST_COUNT


@njit(nogil=True, cache=True)
def fill_rows(first, end, hits, cursor, step, neuron, value, neuron_at, index, count):
    """Puts the hits of the segments first ... end-1 where ``cursor`` (segments, steps) says, and moves it on.

    ``count`` is empty where every value is 1.
    """
    j = np.uint64(0)
    for segment in range(first, end):
        at = cursor[segment]
        for _ in range(hits[segment]):
            t = np.uint64(step[j])
            k = np.uint64(at[t])
            at[t] += 1
            index[k] = neuron_at[np.uint64(neuron[j])]
            if count.size:
                count[k] = value[j]
            j += np.uint64(1)


@njit(nogil=True, cache=True)
def fill_in_order(low, high, neuron, value, neuron_at, index, count):
    """Puts hits that are in the order of the rows at low ... high-1; ``count`` as in `fill_rows`."""
    index, count = index[low:high], count[low:high]
    for j in range(index.size):
        index[j] = neuron_at[np.uint64(neuron[j])]
    for j in range(count.size):
        count[j] = value[j]


@njit(nogil=True, cache=True)
def read_entries(first, end, places, values, shape, row, neuron, value):
    """Row, neuron and value of a sparse tensor's entries; whether all are fit to be listed."""
    fit = True
    last = shape.size - 1
    for k in range(first, end):
        number = values[k]
        fit &= (abs(number) < 2147483648.0) & (np.floor(number) == number)
        sample, step, flat = places[0, k], places[last, k], np.int64(0)
        fit &= (np.uint64(sample) < np.uint64(shape[0])) & (np.uint64(step) < np.uint64(shape[last]))
        for axis in range(1, last):
            fit &= np.uint64(places[axis, k]) < np.uint64(shape[axis])  # a negative one becomes a large one
            flat = flat * shape[axis] + places[axis, k]
        row[k] = sample * shape[last] + step
        neuron[k] = flat
        value[k] = number
    return fit


@njit(nogil=True, cache=True)
def sort_into_rows(row, neuron, value, rows, index, count):
    """A stable counting sort by row; returns where each begins (rows + 1,)."""
    start = np.zeros(rows + 2, np.int64)
    for k in range(row.size):
        start[row[k] + 2] += 1
    for r in range(2, rows + 2):
        start[r] += start[r - 1]
    for k in range(row.size):  # start[r + 1] is where the next of row r goes, and ends as where row r + 1 begins
        to = start[row[k] + 1]
        start[row[k] + 1] = to + 1
        index[to] = neuron[k]
        count[to] = value[k]
    return start[:-1]


@njit(nogil=True, cache=True)
def merge(first, end, begin, index, count, neurons, new_index, new_sum, kept):
    """Merges rows in place of their own in ``new_index`` and ``new_sum``; ``kept``: how many entries each has then.

    ``count`` of no entries means once everywhere. Returns whether all sums are below 2**31.
    """
    place = np.full(neurons, -1, np.int64)  # where a neuron was put last: in this row if not before its begin
    fits = True
    for row in range(first, end):
        n = begin[row]
        for k in range(begin[row], begin[row + 1]):
            add = np.int64(count[k]) if count.size else np.int64(1)
            if place[index[k]] >= begin[row]:
                new_sum[place[index[k]]] += add
            else:
                place[index[k]] = n
                new_index[n] = index[k]
                new_sum[n] = add
                n += 1
        m = begin[row]
        for k in range(begin[row], n):
            new_index[m] = new_index[k]
            new_sum[m] = new_sum[k]
            fits &= abs(new_sum[k]) < LARGEST_COUNT
            m += new_sum[k] != 0
        kept[row] = m - begin[row]
    return fits


@njit(nogil=True, cache=True)
def move_rows(first, end, source, start, index, count, new_index, new_count):
    """Row r goes from source[r] on to start[r] ... start[r+1]-1; ``count`` of no entries stays out."""
    for row in range(first, end):
        shift = source[row] - start[row]
        for k in range(start[row], start[row + 1]):
            new_index[k] = index[k + shift]
            if count.size:
                new_count[k] = count[k + shift]


@njit(nogil=True, cache=True)
def sort_rows(start, index, neurons, order):
    """Fills order (n_events,) int64: the entries row by row, in each row by neuron. Two counting sorts."""
    by_neuron = np.empty_like(order)
    place = np.zeros(neurons + 1, np.int64)
    for neuron in index:
        place[neuron + 1] += 1
    for neuron in range(neurons):
        place[neuron + 1] += place[neuron]
    row_of = np.empty_like(order)
    for r in range(start.size - 1):
        row_of[start[r] : start[r + 1]] = r
    for e in range(index.size):
        by_neuron[place[index[e]]] = e
        place[index[e]] += 1
    next_in_row = start[:-1].copy()
    for e in by_neuron:
        order[next_in_row[row_of[e]]] = e
        next_in_row[row_of[e]] += 1
