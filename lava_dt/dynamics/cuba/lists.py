"""Events listed by the input neuron instead of by the step, in which order the gradient of the weights is summed."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bats_dt.kernels.threads import run_pieces

if TYPE_CHECKING:
    from lava_dt.events import Events

Array = NDArray[Any]

UPDATES_AN_EVENT = 16  # which take about as long as sorting it


def by_input(events: Events, group: int) -> tuple[Array, Array, Array]:
    """Lists the events of every ``group`` rows (b * steps + t) by input neuron, rows ascending.

    Returns:
        start (groups, neurons + 1) int64: the events of input i in group g are start[g, i] ... start[g, i + 1] - 1;
        row (n_events,) int32 of each, counted from the group's first;
        count (n_events,) int32 of each, empty where the events have none.
    """
    rows = events.start.size - 1
    groups = max(1, -(-rows // group))
    start = np.zeros((groups, events.neurons + 1), np.int64)
    row = np.empty(events.index.size, np.int32)
    given = np.empty(0, np.int32) if events.count is None else events.count
    count = np.empty_like(given)
    run_pieces(
        groups,
        lambda first, end: _sort(first, end, group, events.start, events.index, given, start, row, count),
        updates=UPDATES_AN_EVENT * row.size,
    )
    return start, row, count


@njit(nogil=True, cache=True)
def _sort(first, end, group, event_start, index, given, start, row, count):
    """A counting sort of each group."""
    rows = event_start.size - 1
    for g in range(first, end):
        low, high = g * group, min((g + 1) * group, rows)
        position = start[g]
        _tally(index[event_start[low] : event_start[high]], position)
        position[0] = event_start[low]
        for i in range(position.size - 1):
            position[i + 1] += position[i]
        for r in range(low, high):
            e, last = np.uint64(event_start[r]), np.uint64(event_start[r + 1])
            if given.size:
                _place_counted(e, last, index, given, np.int32(r - low), position, row, count)
            else:
                _place(e, last, index, np.int32(r - low), position, row)
        for i in range(position.size - 1, 0, -1):
            position[i] = position[i - 1]
        position[0] = event_start[low]


@njit(nogil=True, cache=True)
def _tally(index, position):
    for i in index:
        position[np.uint64(i) + np.uint64(1)] += 1


@njit(nogil=True, cache=True)
def _place(e, last, index, r, position, row):
    """Puts the events e ... last-1, of row r, where ``position`` says, and moves it on; numbers are unsigned, so that
    none has to be checked for being negative."""
    for k in range(e, last):
        i = np.uint64(index[k])
        row[np.uint64(position[i])] = r
        position[i] += 1


@njit(nogil=True, cache=True)
def _place_counted(e, last, index, given, r, position, row, count):
    for k in range(e, last):
        i = np.uint64(index[k])
        place = np.uint64(position[i])
        row[place] = r
        count[place] = given[k]
        position[i] += 1
