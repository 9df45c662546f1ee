"""Weights quantised to 8 bits as the kernels that follow spikes read them: int8, an input's row in one piece.

    k = round(weight / unit), halves to even, between -128 and 127: lava-dl's ``quantize_8bit`` with unit = 2 / w_scale

The gradient is straight-through between those bounds and at them, and 0 beyond, as lava-dl's on torch 2.3. (The clamp
of later torch has no gradient at a bound.)
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.room import room

Array = NDArray[Any]

TILE = 64  # rows and columns turned at once: both the tile and its image stay in the first-level cache


LOWEST, HIGHEST = -128, 127


def quantised(weight: Tensor, unit: float) -> Tensor:
    """The weights that `int8_rows` stands for, in the weight's own shape and unit."""
    return torch.round(weight * (1 / unit)).clamp(LOWEST, HIGHEST) * unit


def int8_rows(rows: Tensor, unit: float, block: int) -> tuple[Array, int]:
    """Rows of weights, quantised and laid out in blocks of columns.

    Args:
        rows: (n_rows, width) float32 with any strides.
        unit: a power of two.
        block: columns of a block.

    Returns:
        (blocks, n_rows + 1, block) int8, a row of zeros at the end of each block; what the last block holds beyond
        the width is left open. And the largest size of a weight, in units.

    Raises:
        ValueError: a weight is not a number.
    """
    columns = rows.detach().t().contiguous().numpy()  # of a dense synapse this is the weight itself
    width, n_rows = columns.shape
    blocks = -(-width // block)
    laid = room(blocks, n_rows + 1, block, dtype=np.int8).numpy()
    strips = -(-n_rows // TILE)
    largest = np.zeros(strips, np.int32)
    inverse = np.float32(1 / unit)
    run_pieces(strips, lambda first, end: _convert(first, end, columns, inverse, laid, largest))
    laid[:, n_rows] = 0
    if largest.size and largest.max() > 128:
        raise ValueError("a weight is not a number (NaN): the training has diverged, lower the learning rate")
    return laid, int(largest.max(initial=0))


def rows_gradient(grad_rows: Tensor, rows: Tensor, unit: float) -> Tensor:
    """The gradient of the rows before they were quantised.

    Args:
        grad_rows: (n_rows, width) float32, of the quantised rows.
        rows: (n_rows, width) float32 with any strides, before quantisation.
        unit: a power of two.

    Returns:
        (n_rows, width) in the order of memory of a dense synapse's weight, (width, n_rows).
    """
    columns = rows.detach().t().contiguous().numpy()
    turned = torch.empty(columns.shape).copy_(grad_rows.t())
    inverse = np.float32(1 / unit)
    run_pieces(columns.shape[0], lambda first, end: _cut(first, end, columns, inverse, turned.numpy()))
    return turned.t()


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
    """Fills tile[j] with a piece of a column; the largest size in it, 129 where there is a NaN."""
    low, high, broken = np.int32(0), np.int32(0), np.int32(0)
    for i in range(height):
        scaled = np.rint(columns[column, row + np.uint64(i)] * inverse)
        broken = np.int32(broken | np.int32(scaled != scaled))
        whole = np.int32(min(max(scaled, np.float32(LOWEST)), np.float32(HIGHEST)))
        low = min(low, whole)
        high = max(high, whole)
        tile[j, np.uint64(i)] = whole
    return np.int32(129) if broken else max(np.int32(-low), high)


@njit(nogil=True, cache=True)
def _cut(first, end, columns, inverse, grad):
    """Sets the gradient to zero where the quantised weight is beyond the bounds or not a number."""
    for column in range(first, end):
        for i in range(columns.shape[1]):
            j, at = np.uint64(column), np.uint64(i)
            scaled = np.rint(columns[j, at] * inverse)
            inside = (scaled >= np.float32(LOWEST)) & (scaled <= np.float32(HIGHEST))
            grad[j, at] = grad[j, at] if inside else np.float32(0)
