"""Lists of events on the CPU: Numba kernels over ranges of samples, entries or rows, on Python threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bats_dt.kernels.threads import run_pieces
from lava_dt.events import rows, samples, scanning
from lava_dt.events.reference import Array, Lists

ENOUGH = 1 << 16  # events, below which threads cost more than they bring
LARGE = 1 << 21  # places of memory, below which they do
SEGMENTS = 8  # that memory is divided into at least
SAMPLED = 1 << 20  # entries, from which on a sample is looked at first
COARSE, FINE = 1024, 64  # of how many groups of 16 entries one is looked at
NO_COUNT = np.empty(0, np.int32)


def list_dense(values: Array, steps: int, time_last: bool, neuron_at: Array, most: int) -> Lists | None:
    """See `reference.list_dense`."""
    batch = values.shape[0]
    bits = values.view(f"u{values.itemsize}")
    if most < values.size and values.size >= SAMPLED and _surely_more(bits.reshape(-1), most):
        return None
    parts = 1 if batch >= SEGMENTS or values.size < LARGE else -(-SEGMENTS // max(1, batch))
    per_step, total = np.zeros((batch * parts, steps), np.int64), np.zeros(batch * parts, np.int64)
    inner = max(1, steps if time_last else neuron_at.size)
    counts = bits.dtype.type(2 ** (8 * values.itemsize - (values.dtype.kind == "f")) - 1)
    found: dict[tuple[int, int], tuple[Array, Array, Array, int]] = {}

    def scan(first: int, end: int) -> None:
        found[first, end] = scanning.scan(
            first, end, values, bits, counts, parts, inner, time_last, most, per_step, total
        )

    _divide(batch * parts, values.size >= LARGE, scan)
    how = {ended for *_, ended in found.values()}
    if not how <= {scanning.ALL_ONES, scanning.ALL_WHOLE} or total.sum() > most:
        return None
    sizes = per_step.reshape(batch, parts, steps).swapaxes(1, 2)
    ends = np.cumsum(sizes).reshape(sizes.shape)
    start = np.append(0, ends[:, :, -1])
    index = np.empty(start[-1], np.int32)
    count = np.empty_like(index) if scanning.ALL_WHOLE in how else NO_COUNT
    pieces = sorted(found.items())
    if time_last:
        cursor = np.ascontiguousarray((ends - sizes).swapaxes(1, 2)).reshape(per_step.shape)

        def fill(first: int, end: int) -> None:
            for segments, (*lists, _) in pieces[first:end]:
                rows.fill_rows(*segments, total, cursor, *lists, neuron_at, index, count)

    else:  # memory is in the order of the rows
        before = np.append(0, np.cumsum(total))

        def fill(first: int, end: int) -> None:
            for (low, high), (_, *lists, _) in pieces[first:end]:
                rows.fill_in_order(before[low], before[high], *lists, neuron_at, index, count)

    _divide(len(pieces), index.size >= ENOUGH, fill)
    return start, index, count if count.size else None


def list_entries(places: Array, values: Array, shape: Array, distinct: bool) -> Lists | None:
    """See `reference.list_entries`."""
    lists = _list_sorted(places, values, shape) if distinct else None
    if lists is not None:
        return lists
    row = np.empty(values.size, np.int64)
    neuron, value = np.empty((2, values.size), np.int32)
    fit: list[bool] = []

    def read(first: int, end: int) -> None:
        fit.append(rows.read_entries(first, end, places, values, shape, row, neuron, value))

    _divide(values.size, values.size >= ENOUGH, read)
    if not all(fit):
        return None
    index, count = np.empty((2, values.size), np.int32)
    start = rows.sort_into_rows(row, neuron, value, int(shape[0] * shape[-1]), index, count)
    return merge_rows(start, index, count, math.prod(shape[1:-1].tolist()))


def _list_sorted(places: Array, values: Array, shape: Array) -> Lists | None:
    """`list_entries` where they are sorted by sample and all are counts but 0; None where one is not."""
    batch, steps = int(shape[0]), int(shape[-1])
    edge = np.searchsorted(places[0], np.arange(batch + 1))
    if edge[0] or edge[-1] < values.size:
        return None
    start, (index, count) = np.zeros(batch * steps + 1, np.int64), np.empty((2, values.size), np.int32)
    found: list[int] = []

    def lists(first: int, end: int) -> None:
        found.append(samples.list_samples(first, end, edge, places, values, shape, start, index, count))

    _divide(batch, values.size >= ENOUGH, lists)
    if samples.UNFIT in found:
        return None
    return start, index, count if samples.COUNTS in found else None


def merge_rows(begin: Array, index: Array, count: Array | None, neurons: int) -> Lists | None:
    """See `reference.merge_rows`."""
    new_index, new_sum = np.empty(index.size, np.int32), np.empty(index.size, np.int64)
    kept = np.empty(begin.size - 1, np.int64)
    fits: list[bool] = []

    def merge(first: int, end: int) -> None:
        fits.append(
            rows.merge(
                first, end, begin, index, NO_COUNT if count is None else count, neurons, new_index, new_sum, kept
            )
        )

    _divide(kept.size, index.size >= ENOUGH, merge)
    return _moved(begin[:-1], kept, new_index, new_sum) if all(fits) else None


def take_rows(first: Array, end: Array, index: Array, count: Array | None) -> Lists:
    """See `reference.take_rows`."""
    return _moved(first, end - first, index, count)


def sort_rows(start: Array, index: Array, neurons: int) -> Array:
    """See `reference.sort_rows`."""
    order = np.empty(index.size, np.int64)
    rows.sort_rows(start, index, neurons, order)
    return order


def _moved(source: Array, sizes: Array, index: Array, count: Array | None) -> Lists:
    """Rows of these sizes, one behind the other; ``count`` of any integer type."""
    start = np.append(0, np.cumsum(sizes))
    new_index = np.empty(start[-1], np.int32)
    new_count = NO_COUNT if count is None else np.empty_like(new_index)
    old_count = NO_COUNT if count is None else count
    _divide(
        sizes.size,
        new_index.size >= ENOUGH,
        lambda first, end: rows.move_rows(first, end, source, start, index, old_count, new_index, new_count),
    )
    return start, new_index, None if count is None else _none_if_ones(new_count)


def _surely_more(bits: Array, most: int) -> bool:
    """Whether a sample says that more than ``most`` are not zero: by 8 standard deviations were all groups alike.

    A coarse sample, which costs next to nothing, calls for the fine one, which decides.
    """
    for stride in (COARSE, FINE):
        strata = bits.size // (16 * stride)
        found = scanning.nonzero_in_sample(bits, strata, stride)
        expected = strata * 16 * most / bits.size
        if found <= expected:
            return False
    return bool(found > expected + 8 * math.sqrt(16 * expected) + 128)


def _divide(n: int, much: bool, piece: Callable[[int, int], Any]) -> None:
    """piece over ranges of range(n), on threads if there is much to do."""
    if much:
        run_pieces(n, piece)
    else:
        piece(0, n)


def _none_if_ones(count: Array) -> Array | None:
    return None if (count == 1).all() else count
