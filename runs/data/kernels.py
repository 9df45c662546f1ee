"""The loops over events: into lists, bins and spike trains. Each takes a range of samples and writes only theirs.

Sample i's events are ticks[starts[i] : ends[i]] and the channels beside them; the window is low <= tick < high.
"""

from __future__ import annotations

from typing import Any

from numba import njit

EDGE = 1e-9  # of a bin: so close before a bin's edge is rounding, and belongs to the bin that begins there


@njit(nogil=True, cache=True)
def count_inside(ticks: Any, starts: Any, ends: Any, low: int, high: int, counts: Any, first: int, end: int) -> None:
    """counts[i]: events of sample i in the window."""
    for i in range(first, end):
        n = 0
        for j in range(starts[i], ends[i]):
            if low <= ticks[j] < high:
                n += 1
        counts[i] = n


@njit(nogil=True, cache=True)
def list_cells(
    ticks: Any,
    channels: Any,
    starts: Any,
    ends: Any,
    low: int,
    high: int,
    bins_a_tick: float,
    places: Any,
    cells: Any,
    first: int,
    end: int,
) -> None:
    """cells[:, places[i] ...]: sample, channel and bin of every event in the window, in the order of storage."""
    for i in range(first, end):
        place = places[i]
        for j in range(starts[i], ends[i]):
            if low <= ticks[j] < high:
                cells[0, place] = i
                cells[1, place] = channels[j]
                cells[2, place] = int((ticks[j] - low) * bins_a_tick + EDGE)
                place += 1


@njit(nogil=True, cache=True)
def fill_bins(
    ticks: Any,
    channels: Any,
    starts: Any,
    ends: Any,
    low: int,
    high: int,
    bins_a_tick: float,
    binned: Any,
    first: int,
    end: int,
) -> None:
    """binned[i, channel, bin]: number of events, added to what is there."""
    for i in range(first, end):
        for j in range(starts[i], ends[i]):
            if low <= ticks[j] < high:
                binned[i, channels[j], int((ticks[j] - low) * bins_a_tick + EDGE)] += 1.0


@njit(nogil=True, cache=True)
def count_channels(
    ticks: Any, channels: Any, starts: Any, ends: Any, low: int, high: int, counts: Any, first: int, end: int
) -> None:
    """counts[i, channel]: events in the window, added to what is there."""
    for i in range(first, end):
        for j in range(starts[i], ends[i]):
            if low <= ticks[j] < high:
                counts[i, channels[j]] += 1


@njit(nogil=True, cache=True)
def fill_trains(
    ticks: Any,
    channels: Any,
    starts: Any,
    ends: Any,
    low: int,
    high: int,
    tick: float,
    times: Any,
    counts: Any,
    first: int,
    end: int,
) -> None:
    """times[i, channel, :counts[i, channel]]: seconds since the window's start, in order; counts start at 0.

    A channel's events come in time order. What does not fit into the last axis is passed over: the latest ones.
    """
    slots = times.shape[2]
    for i in range(first, end):
        for j in range(starts[i], ends[i]):
            if low <= ticks[j] < high:
                slot = counts[i, channels[j]]
                if slot < slots:
                    times[i, channels[j], slot] = (ticks[j] - low) * tick
                    counts[i, channels[j]] = slot + 1
