"""One time step of a block of CuBa neurons forward, in integers, for every source of the drive.

Parameters and states of a block stand in one array at fixed distances of SLOT. The compiler then knows that they do
not overlap and makes vector instructions of the loop without asking at every call, which for a few hundred neurons
would take as long as the loop. For the same reason what is called for every row calls nothing itself that is not merged
into it (``inline="always"``): it would count references to all its arrays.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from lava_dt.vectors import with_whole_vectors

SLOT = 512  # most neurons of a block
SLOTS = 5
CURRENT, VOLTAGE, KEEP_CURRENT, KEEP_VOLTAGE, THRESHOLD = (np.uint64(SLOT * slot) for slot in range(SLOTS))


@njit(nogil=True, cache=True, inline="always")
def _leak(value, keep, block):
    """toward_zero(keep value / 4096) without leaving the integer's range; unlike a product with all of value."""
    whole = block.dtype.type
    size = whole(abs(value))
    low = whole(whole(size & whole(4095)) * keep)
    left = whole(whole(whole(size >> whole(12)) * keep) + whole(low >> whole(12)))
    return left if value >= 0 else whole(-left)


@njit(nogil=True, cache=True, forceinline=True)
def advance(block, n, drive, first, factor, soft_reset, fired, reached):
    """Advances n neurons by one step; indices are uint64, so that none has to be checked for being negative.

    block: (SLOTS * SLOT,) int32 or int64. drive: the same type; drive[first:first+n] times factor is x, and is zeroed.
    Written: fired[:n], 0 or 1, and reached[:n], the voltage before the reset, float32 as lava-dl stores it.
    """
    with_whole_vectors()
    whole = block.dtype.type
    for i in range(n):
        j = np.uint64(i)
        x = whole(drive[first + j] * factor)
        drive[first + j] = 0
        u = whole(_leak(block[CURRENT + j], block[KEEP_CURRENT + j], block) + x)
        block[CURRENT + j] = u
        v = whole(_leak(block[VOLTAGE + j], block[KEEP_VOLTAGE + j], block) + whole(np.float32(u)))
        reached[j] = v
        threshold = block[THRESHOLD + j]
        above = v > threshold
        fired[j] = 1.0 if above else 0.0
        after = whole(v - threshold) if soft_reset else whole(0)
        block[VOLTAGE + j] = after if above else v


@njit(nogil=True, cache=True)
def load(block, n, parameters, current, voltage, sample, column):
    """Fills a block with the parameters (3, neurons) and the states (batch, neurons) of n neurons from ``column``."""
    for j in range(n):
        block[CURRENT + np.uint64(j)] = current[sample, column + j]
        block[VOLTAGE + np.uint64(j)] = voltage[sample, column + j]
        block[KEEP_CURRENT + np.uint64(j)] = parameters[0, column + j]
        block[KEEP_VOLTAGE + np.uint64(j)] = parameters[1, column + j]
        block[THRESHOLD + np.uint64(j)] = parameters[2, column + j]


@njit(nogil=True, cache=True)
def store(block, n, current, voltage, sample, column):
    """Writes the states of a block back."""
    for j in range(n):
        current[sample, column + j] = block[CURRENT + np.uint64(j)]
        voltage[sample, column + j] = block[VOLTAGE + np.uint64(j)]
