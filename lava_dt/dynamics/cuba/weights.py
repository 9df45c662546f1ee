"""Weights of 8 bits as the kernels that follow spikes read them: int8, an input's row in one piece, block by block."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from bats_dt.kernels.threads import run_pieces

Array = NDArray[Any]

TILE = 64  # rows and columns turned at once: both the tile and its image stay in the first-level cache


def int8_rows(rows: Tensor, unit: float, block: int) -> tuple[Array, int]:
    """Rows of weights, divided by ``unit`` and laid out in blocks of columns.

    Args:
        rows: (n_rows, width) float32 with any strides: whole multiples of unit between -128 and 127 times it.
        unit: a power of two.
        block: columns of a block.

    Returns:
        (blocks, n_rows + 1, block) int8, a row of zeros at the end of each block; what the last block holds beyond
        the width is left open. And the largest size of a weight, in units.

    Raises:
        ValueError: a weight is no whole multiple of unit, or outside that range.
    """
    columns = rows.detach().t().contiguous().numpy()  # of a dense synapse this is the weight itself
    width, n_rows = columns.shape
    blocks = -(-width // block)
    laid = np.empty((blocks, n_rows + 1, block), np.int8)
    strips = -(-n_rows // TILE)
    largest = np.zeros(strips, np.int32)
    inverse = np.float32(1 / unit)
    run_pieces(strips, lambda first, end: _convert(first, end, columns, inverse, laid, largest))
    laid[:, n_rows] = 0
    if largest.size and largest.max() > 128:
        raise ValueError(
            f"the weights are not multiples k * {unit:g} with whole k from -128 to 127: quantise them to 8 bits "
            "(pre_hook_fx of the synapse), or use a dense product"
        )
    return laid, int(largest.max(initial=0))


@njit(nogil=True, cache=True)
def _convert(first, end, columns, inverse, laid, largest):
    width, n_rows = columns.shape
    block = laid.shape[2]
    tile = np.zeros((TILE, TILE), np.int8)
    for strip in range(first, end):
        row = strip * TILE
        height = min(TILE, n_rows - row)
        for k in range(laid.shape[0]):
            for column in range(0, min(block, width - k * block), TILE):
                n = min(TILE, block - column, width - k * block - column)
                for j in range(n):
                    source = np.uint64(k * block + column + j)
                    size = _read(columns, source, np.uint64(row), height, inverse, tile, np.uint64(j))
                    largest[strip] = max(largest[strip], size)
                _turn(tile, laid, np.uint64(k), np.uint64(row), height, np.uint64(column), n)


@njit(nogil=True, cache=True)
def _turn(tile, laid, k, row, height, column, n):
    for i in range(height):
        for j in range(n):
            laid[k, row + np.uint64(i), column + np.uint64(j)] = tile[np.uint64(j), np.uint64(i)]


@njit(nogil=True, cache=True)
def _read(columns, column, row, height, inverse, tile, j):
    """Fills tile[j] with a piece of a column; the largest size in it, 129 for what is no whole number of 8 bits."""
    low, high, broken = np.int32(0), np.int32(0), np.int32(0)
    for i in range(height):
        scaled = columns[column, row + np.uint64(i)] * inverse
        whole = np.int32(scaled)
        broken = np.int32(broken | np.int32(np.float32(whole) != scaled))
        low = min(low, whole)
        high = max(high, whole)
        tile[j, np.uint64(i)] = whole
    return np.int32(129) if broken or low < -128 or high > 127 else max(np.int32(-low), high)
