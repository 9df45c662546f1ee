"""Where memory is not zero, in Numba.

The scan is bound by reading memory, so it is made of small loops over a chunk that stays in the first cache: the
compiler turns each into vector instructions or into code without branches, which sparse spikes would mispredict.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

DEPTH = 8  # entries of a lane; lanes are looked at as a whole first
CHUNK = 4096
FIRST_CAPACITY = 1 << 14
ALL_WHOLE, NOT_WHOLE, TOO_MANY = 0, 1, 2


@njit(nogil=True, cache=True)
def fold(bits, n, lanes):
    """Lane l of the n lanes holds the entries l, l + n, ..., l + 7n, which become lanes[l] by or."""
    b = bits[: DEPTH * n]
    for k in range(n):
        lanes[k] = (
            b[k] | b[k + n] | b[k + 2 * n] | b[k + 3 * n] | b[k + 4 * n] | b[k + 5 * n] | b[k + 6 * n] | b[k + 7 * n]
        )


@njit(nogil=True, cache=True)
def lanes_hit(lanes, n, hit):
    """The lanes that are not zero into ``hit`` (n + 1 places), without a branch; how many."""
    m = 0
    for lane in range(n):
        hit[m] = lane
        m += lanes[lane] != 0
    return m


@njit(nogil=True, cache=True)
def entries_hit(bits, hit, hits, lanes, low, counts, place, n):
    """Appends low + entry for the entries of the lanes hit that are not zero, without a branch; the new n."""
    n = np.uint64(n)  # unsigned: no test for negative indices
    for j in range(hits):
        entry = np.uint64(hit[j])
        for _ in range(DEPTH):
            place[n] = low + entry
            n += np.uint64(bits[entry] & counts != 0)
            entry += np.uint64(lanes)
    return np.int64(n)


@njit(nogil=True, cache=True)
def nonzero(bits, low, counts, lanes, hit, place, n):
    """Appends low + entry to ``place`` (n + len(bits) + 1 places) for the entries of ``bits`` that are not zero.

    ``counts``: the bits that count (-0.0 has another, its sign). Returns the new n. The order is its own, that of the
    lanes.
    """
    m = bits.size // DEPTH
    fold(bits, m, lanes)
    n = entries_hit(bits, hit, lanes_hit(lanes, m, hit), m, low, counts, place, n)
    for entry in range(m * DEPTH, bits.size):
        place[n] = low + entry
        n += bits[entry] & counts != 0
    return n


@njit(nogil=True, cache=True)
def read_values(x, place, first, end, value):
    """The values at the places first ... end-1 of the list; whether all are whole and below 2**31."""
    whole = True
    for j in range(np.uint64(first), np.uint64(end)):
        number = x[np.uint64(place[j])]
        whole &= (abs(number) < 2147483648.0) & (np.floor(number) == number)
        value[j] = number
    return whole


@njit(nogil=True, cache=True)
def split(place, first, end, inner, outer_index, inner_index):
    """place = inner * outer_index + inner_index, for the places first ... end-1 of the list.

    The product with 1 / inner in float64 is exact enough: place < 2**31 and a half more is at least 1 / (2 inner) away
    from the next multiple. Unlike a division it is a vector instruction.
    """
    factor = 1.0 / inner
    for j in range(first, end):
        outer = np.int32((place[j] + 0.5) * factor)
        outer_index[j] = outer
        inner_index[j] = place[j] - outer * inner


@njit(nogil=True, cache=True)
def tally(step, first, end, per_step):
    for j in range(first, end):
        per_step[step[j]] += 1


@njit(nogil=True, cache=True)
def extended(array, n, size):
    """An array of that size with the first n entries."""
    new = np.empty(size, array.dtype)
    new[:n] = array[:n]
    return new


@njit(nogil=True, cache=True)
def scan(first, end, x, bits, counts, parts, inner, time_last, most, per_step, total):
    """The hits of the segments first ... end-1: (step, neuron, value, how it ended).

    Segment s is part s % parts of sample s // parts. ``per_step`` (segments, steps) and ``total`` (segments,), zeros,
    receive the hits of each. By ``total`` all threads know when they have found more than ``most``, and stop.
    """
    every = 1 + total.size // 64  # so that looking at it costs little
    lanes, hit = np.empty(CHUNK // DEPTH, bits.dtype), np.empty(CHUNK // DEPTH + 1, np.int32)
    place = np.empty(FIRST_CAPACITY, np.int32)
    value, step, neuron = np.empty_like(place), np.empty_like(place), np.empty_like(place)
    n, places = 0, x.shape[1]
    for segment in range(first, end):
        sample, part = segment // parts, segment % parts
        stop = (part + 1) * places // parts
        before = n
        for low in range(part * places // parts, stop, CHUNK):
            if n + CHUNK >= place.size:
                place, value = extended(place, n, 2 * (n + CHUNK)), extended(value, n, 2 * (n + CHUNK))
            now = nonzero(bits[sample, low : min(low + CHUNK, stop)], low, counts, lanes, hit, place, n)
            if not read_values(x[sample], place, n, now, value):
                return step, neuron, value, NOT_WHOLE
            n = now
        if step.size < place.size:
            step, neuron = extended(step, before, place.size), extended(neuron, before, place.size)
        if time_last:
            split(place, before, n, inner, neuron, step)
        else:
            split(place, before, n, inner, step, neuron)
        tally(step, before, n, per_step[segment])
        total[segment] = n - before
        if segment % every == 0 and total.sum() > most:
            return step, neuron, value, TOO_MANY
    return step, neuron, value, ALL_WHOLE


@njit(nogil=True, cache=True)
def nonzero_in_sample(bits, strata, stride):
    """How many of 16 entries are not zero, summed over one group of 16 out of each of ``strata`` times ``stride``."""
    found = 0
    for stratum in range(strata):
        within = ((stratum * 2654435761) & 0xFFFFFFFF) * stride >> 32  # no period that could meet that of the data
        group = (stratum * stride + within) * 16
        for k in range(16):
            found += bits[group + k] != 0
    return found
