"""Lists of events by plain loops."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Lists = tuple[Array, Array, "Array | None"]  # start, index, count of `Events`

LARGEST_COUNT = 2**31


def list_dense(values: Array, steps: int, time_last: bool, neuron_at: Array, most: int) -> Lists | None:
    """Lists what is not zero in memory.

    Args:
        values: (batch, places), a sample's places ordered (neuron, step) or (step, neuron).
        steps: steps of a sample.
        time_last: whether the order is (neuron, step).
        neuron_at: (neurons,) int32: the neuron at each place of the neuron axis.
        most: how many events there may be.

    Returns:
        start, index and count of `Events`, each row in the order of memory; None if there are more than ``most``
        events, or a value that is not a whole number below 2**31.
    """
    rows = _Rows(values.shape[0] * steps)
    for sample in range(values.shape[0]):
        for place in range(values.shape[1]):
            if not _is_count(values[sample, place]):
                return None
            neuron, step = divmod(place, steps) if time_last else divmod(place, neuron_at.size)[::-1]
            rows.add(sample * steps + step, int(neuron_at[neuron]), int(values[sample, place]))
    lists = rows.lists()
    return None if lists is None or lists[1].size > most else lists


def list_entries(places: Array, values: Array, shape: Array, distinct: bool) -> Lists | None:
    """Lists the entries of a sparse tensor.

    Args:
        places: (axes, n) int64.
        values: (n,).
        shape: (axes,) int64: batch, neuron..., steps.
        distinct: whether no two entries have the same place; others are added up.

    Returns:
        start, index and count of `Events`, each row in the order of its neurons' first entries; None if a value, or
        the sum at a place, is not a whole number below 2**31, or a place is outside ``shape``.
    """
    if not ((places >= 0) & (places < shape[:, None])).all():
        return None
    steps = int(shape[-1])
    rows = _Rows(int(shape[0]) * steps)
    for entry in range(values.size):
        if not _is_count(values[entry]):
            return None
        neuron = 0
        for axis in range(1, len(shape) - 1):
            neuron = neuron * int(shape[axis]) + int(places[axis, entry])
        rows.add(int(places[0, entry]) * steps + int(places[-1, entry]), neuron, int(values[entry]))
    return rows.lists()


def merge_rows(begin: Array, index: Array, count: Array | None, neurons: int) -> Lists | None:
    """Adds up the counts of each neuron within each row; sums of zero vanish.

    Args:
        begin: (rows + 1,) int64: row r has the entries begin[r] ... begin[r+1]-1.
        index, count: (n,) int32, as in `Events`, but a neuron may appear more than once in a row.
        neurons: how many there are.

    Returns:
        start, index and count of `Events`, each row in the order of its neurons' first entries; None if a sum is not
        below 2**31.
    """
    rows = _Rows(begin.size - 1)
    for row in range(begin.size - 1):
        for k in range(int(begin[row]), int(begin[row + 1])):
            rows.add(row, int(index[k]), 1 if count is None else int(count[k]))
    return rows.lists()


def take_rows(first: Array, end: Array, index: Array, count: Array | None) -> Lists:
    """The rows with the entries first[r] ... end[r]-1, as they are; first, end (rows,) int64."""
    start = np.concatenate([[0], np.cumsum(end - first)]).astype(np.int64)
    entries = [k for r in range(first.size) for k in range(int(first[r]), int(end[r]))]
    return start, index[entries], _none_if_ones(None if count is None else count[entries])


def sort_rows(start: Array, index: Array, neurons: int) -> Array:
    """(n_events,) int64: the entries row by row, in each row by neuron, of which there are ``neurons``."""
    ranges = [range(int(first), int(end)) for first, end in pairwise(start)]
    return np.array([e for row in ranges for e in sorted(row, key=index.__getitem__)], np.int64)


class _Rows:
    """For each row the neurons in the order in which they come, with their sums."""

    def __init__(self, rows: int) -> None:
        self.sums: list[dict[int, int]] = [defaultdict(int) for _ in range(rows)]

    def add(self, row: int, neuron: int, value: int) -> None:
        self.sums[row][neuron] += value

    def lists(self) -> Lists | None:
        kept = [[(neuron, value) for neuron, value in row.items() if value] for row in self.sums]
        if any(abs(value) >= LARGEST_COUNT for row in kept for _, value in row):
            return None
        index = np.array([neuron for row in kept for neuron, _ in row], np.int32)
        count = np.array([value for row in kept for _, value in row], np.int32)
        start = np.concatenate([[0], np.cumsum([len(row) for row in kept])]).astype(np.int64)
        return start, index, _none_if_ones(count)


def _is_count(value: Any) -> bool:
    return math.isfinite(value) and value == int(value) and abs(int(value)) < LARGEST_COUNT


def _none_if_ones(count: Array | None) -> Array | None:
    return None if count is None or (count == 1).all() else count
