"""Spikes of a bin one by one: rows of weights are added four and eight at a time, multiples of them only one by one."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from bats_dt.kernels.threads import run_pieces

if TYPE_CHECKING:
    from lava_dt.events import Events

MOST = 1.5  # spikes an event, up to which that is faster


def singly(events: Events) -> Events:
    """The same spikes, a neuron that spikes c times in a step listed c times, where that pays; else as they are.

    It does not where most events stand for several spikes, and cannot where a count is negative.
    """
    if events.count is None or not events.count.size:
        return events
    start = np.empty_like(events.start)
    if not _add_up(events.start, events.count, start) or start[-1] > MOST * events.count.size:
        return events
    index = np.empty(start[-1], np.int32)
    run_pieces(
        start.size - 1,
        lambda first, end: _repeat(first, end, events.start, events.index, events.count, start, index),
        index.size,
    )
    return replace(events, start=start, index=index, count=None)


@njit(nogil=True, cache=True)
def _add_up(start, count, total):
    """Fills in how many spikes there are before each row; returns whether all counts are 1 or more."""
    least, spikes = np.int32(1), 0
    total[0] = 0
    for r in range(start.size - 1):
        for times in count[start[r] : start[r + 1]]:
            least = min(least, times)
            spikes += times
        total[r + 1] = spikes
    return least == 1


@njit(nogil=True, cache=True)
def _repeat(first, end, start, index, count, total, repeated):
    """Pieces are rows; indices are unsigned, so that none has to be checked for being negative."""
    for r in range(first, end):
        place = np.uint64(total[r])
        for event in range(start[r], start[r + 1]):
            e = np.uint64(event)
            for _ in range(count[e]):
                repeated[place] = index[e]
                place += np.uint64(1)
