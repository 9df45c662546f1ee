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
    if events.count is None or not events.count.size or events.count.min() < 1:
        return events
    total = np.concatenate([[0], np.cumsum(events.count, dtype=np.int64)])
    if total[-1] > MOST * events.count.size:
        return events
    index = np.empty(total[-1], np.int32)
    run_pieces(
        events.count.size,
        lambda first, end: _repeat(first, end, events.index, events.count, total, index),
        10 * events.count.size,
    )
    return replace(events, start=total[events.start], index=index, count=None)


@njit(nogil=True, cache=True)
def _repeat(first, end, index, count, total, repeated):
    for e in range(first, end):
        for i in range(total[e], total[e] + count[e]):
            repeated[i] = index[e]
