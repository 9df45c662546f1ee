"""Where memory is not zero, in Numba.

The scan is bound by reading memory, so 64 entries at a time become the bits of one number, in a few vector
instructions, and only where that is not zero is anything done.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from lava_dt.cache import prefetch

AHEAD = 2048  # entries that are asked for before they are looked at
WORD = 64  # entries whose bits are looked at together
CHUNK = 1 << 11  # entries, few enough that memory is still being asked for while their values are read
FIRST_CAPACITY = 1 << 16
ALL_ONES, ALL_WHOLE, NOT_WHOLE, TOO_MANY = range(4)


@intrinsic
def _word(typing_context: Any, bits: Any, first: Any, counts: Any) -> Any:
    """Of bits[first : first + 64], an array of unsigned integers without gaps: bit k says whether entry k & counts is
    not 0."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(context.get_value_type(bits.dtype), WORD)
        address = builder.gep(context.make_array(bits)(context, builder, arguments[0]).data, [arguments[1]])
        entries = builder.load(builder.bitcast(address, vector.as_pointer()), align=bits.dtype.bitwidth // 8)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [0] * WORD)
        counted = builder.and_(entries, builder.shuffle_vector(one, one, everywhere))
        hit = builder.icmp_unsigned("!=", counted, ir.Constant(vector, [0] * WORD))
        return builder.bitcast(hit, ir.IntType(WORD))

    return types.uint64(bits, types.intp, bits.dtype), generate


@intrinsic
def _lowest(typing_context: Any, word: Any) -> Any:
    """The number of the lowest bit set in a uint64, 64 in 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def _bits_set(typing_context: Any, word: Any) -> Any:
    """How many bits of a uint64 are set."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(nogil=True, cache=True)
def words_of(bits, counts, words):
    """The words of bits[: 64 * words.size]."""
    for k in range(words.size):
        prefetch(bits, np.uint64(k * WORD + AHEAD), WORD)
        words[k] = _word(bits, k * WORD, counts)


@njit(nogil=True, cache=True)
def words_hit(words, hit):
    """The numbers of the words that are not zero into ``hit`` (words.size + 1 places), without a branch; how many."""
    n = 0
    for k in range(words.size):
        hit[n] = k
        n += words[k] != 0
    return n


@njit(nogil=True, cache=True)
def entries_hit(words, hit, low, place, n):
    """Appends low + entry for every bit set in the words hit; the new n.

    The first four of a word are written whether there are so many or not: ``place`` has room for them behind the last.
    """
    one = np.uint64(1)
    for k in hit:
        word, entry = words[np.uint64(k)], low + WORD * k
        end = n + np.int64(_bits_set(word))
        place[n] = entry + _lowest(word)
        word &= word - one
        place[n + 1] = entry + _lowest(word)
        word &= word - one
        place[n + 2] = entry + _lowest(word)
        word &= word - one
        place[n + 3] = entry + _lowest(word)
        word &= word - one
        n += 4
        while word:
            place[n] = entry + _lowest(word)
            word &= word - one
            n += 1
        n = end
    return n


@njit(nogil=True, cache=True)
def nonzero(bits, low, counts, words, hit, place, n):
    """Appends low + entry, ascending, to ``place`` for the entries of ``bits`` that are not zero; the new n.

    ``counts``: the bits that count (-0.0 has another, its sign). words, hit: room for the words of ``bits``, and one
    more in hit.
    """
    words = words[: bits.size // WORD]
    words_of(bits, counts, words)
    n = entries_hit(words, hit[: words_hit(words, hit)], low, place, n)
    for entry in range(WORD * words.size, bits.size):
        place[n] = low + entry
        n += bits[entry] & counts != 0
    return n


@njit(nogil=True, cache=True)
def read_values(x, place, first, end, value):
    """The values at the places first ... end-1 of the list; whether all are whole below 2**31, and all are 1."""
    whole = ones = True
    for j in range(np.uint64(first), np.uint64(end)):
        number = x[np.uint64(place[j])]
        whole &= (abs(number) < 2147483648.0) & (np.floor(number) == number)
        ones &= number == 1
        value[j] = number
    return whole, ones


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
    words, hit = np.empty(CHUNK // WORD, np.uint64), np.empty(CHUNK // WORD + 1, np.int64)
    place = np.empty(FIRST_CAPACITY, np.int32)
    value, step, neuron = np.empty_like(place), np.empty_like(place), np.empty_like(place)
    n, places, ended = 0, x.shape[1], ALL_ONES
    for segment in range(first, end):
        sample, part = segment // parts, segment % parts
        stop = (part + 1) * places // parts
        before = n
        for low in range(part * places // parts, stop, CHUNK):
            if n + CHUNK + 4 > place.size:
                place, value = extended(place, n, 2 * (n + CHUNK)), extended(value, n, 2 * (n + CHUNK))
            now = nonzero(bits[sample, low : min(low + CHUNK, stop)], low, counts, words, hit, place, n)
            whole, ones = read_values(x[sample], place, n, now, value)
            if not whole:
                return step, neuron, value, NOT_WHOLE
            if not ones:
                ended = ALL_WHOLE
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
    return step, neuron, value, ended


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
