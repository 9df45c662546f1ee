"""Turning what is summed by inputs, (n_in, n_out), into a weight's order, (n_out, n_in), a strip of outputs at a time.

A strip stays in the second-level cache for whatever comes next. Sixteen inputs of an output fill a line of it, and two
of them are one word of 64 bits: a store for each number would take twice as long.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.cache import aligned_zeros, prefetch

STRIP = 64  # outputs
LINE = 16  # inputs
PAIRS = LINE // 2
AHEAD = 2 * LINE  # inputs that are asked for before they are turned


@njit(nogil=True, cache=True)
def strip_for(n_in):
    """Room for a strip: (outputs, inputs / 2) uint64, an odd number of lines an output, so that all sets are used."""
    lines = (n_in + LINE - 1) // LINE
    pairs = (lines | 1) * PAIRS
    return aligned_zeros(STRIP * pairs, np.uint64).reshape((STRIP, pairs))


@njit(nogil=True, cache=True)
def turn_strip(rows, column, n, strip):
    """Fills strip.view(float32)[j, i] with rows[i, column + j], for n outputs j.

    rows: (n_in, n_out) float32, contiguous. strip: of `strip_for`.
    """
    n_in, at = rows.shape[0], np.uint64(column)
    bits, numbers = rows.view(np.uint32), strip.view(np.float32)
    pairs = np.empty((PAIRS, STRIP), np.uint64)
    whole = n_in // LINE * LINE
    for i in range(0, whole, LINE):
        for ahead in range(i + AHEAD, min(i + AHEAD + LINE, n_in)):
            prefetch(rows, np.uint64(ahead) * np.uint64(rows.shape[1]) + at, n)
        for p in range(PAIRS):
            _pair(bits, np.uint64(i + 2 * p), at, n, pairs, np.uint64(p))
        _store(pairs, n, strip, np.uint64(i // 2))
    for i in range(whole, n_in):
        for j in range(n):
            numbers[np.uint64(j), np.uint64(i)] = rows[np.uint64(i), at + np.uint64(j)]


@njit(nogil=True, cache=True)
def _pair(bits, i, column, n, pairs, p):
    for j in range(n):
        at = column + np.uint64(j)
        pairs[p, np.uint64(j)] = np.uint64(bits[i, at]) | np.uint64(bits[i + np.uint64(1), at]) << np.uint64(32)


@njit(nogil=True, cache=True)
def _store(pairs, n, strip, at):
    for output in range(n):
        j = np.uint64(output)
        for p in range(PAIRS):
            strip[j, at + np.uint64(p)] = pairs[np.uint64(p), j]
