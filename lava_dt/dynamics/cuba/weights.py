"""Weights quantised to 8 bits as the kernels that follow spikes read them: int8, an input's row in one piece.

    k = round(weight / unit), halves to even, between -128 and 127: lava-dl's ``quantize_8bit`` with unit = 2 / w_scale

The gradient is straight-through between those bounds and at them, and 0 beyond, as lava-dl's on torch 2.3. (The clamp
of later torch has no gradient at a bound.)
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import prefetch
from lava_dt.dynamics import turn
from lava_dt.room import room

Array = NDArray[Any]

STRIP = 64  # inputs that are laid out at once: a strip of their weights stays in the first-level cache
AHEAD = 8  # columns that are asked for before they are laid out
WORK = 4  # of an entry that is turned, in updates of the size that `run_pieces` counts

LOWEST, HIGHEST = -128, 127

Laid = dict[tuple[float, int], tuple[Array, int]]  # what `int8_rows` returned, by unit and block
SIZE = 0x7FFFFFFF  # the bits of a float32 but its sign


def quantised(weight: Tensor, unit: float) -> Tensor:
    """The weights that `int8_rows` stands for, in the weight's own shape and unit."""
    whole = np.rint(weight.detach().numpy() * np.float32(1 / unit))
    return torch.from_numpy(whole.clip(LOWEST, HIGHEST) * np.float32(unit))


def int8_rows(rows: Tensor, unit: float, block: int) -> tuple[Array, int]:
    """Rows of weights, quantised and laid out in blocks of columns.

    Args:
        rows: (n_rows, width) float32 with any strides.
        unit: a power of two.
        block: columns of a block.

    Returns:
        (blocks, n_rows, block) int8; what the last block holds beyond the width is left open. And the largest size of
        a weight, in units; 128 where one is cut at a bound.

    Raises:
        ValueError: a weight is not a number.
    """
    columns = np.ascontiguousarray(rows.detach().numpy().T)  # of a dense synapse this is the weight itself
    width, n_rows = columns.shape
    laid = room(-(-width // block), n_rows, -(-block // 4) * 4, dtype=np.int8).numpy()
    strips = -(-n_rows // STRIP)
    largest = np.zeros(strips, np.int32)
    arrays = (columns, np.float32(1 / unit), block, laid.view(np.int32), largest)
    run_pieces(strips, lambda first, end: _convert(first, end, *arrays), WORK * columns.size)
    size = float(largest.max(initial=0).view(np.float32)) / unit
    if math.isnan(size):
        raise ValueError("a weight is not a number (NaN): the training has diverged, lower the learning rate")
    return np.ascontiguousarray(laid[..., :block]), round(min(size, -LOWEST))


def rows_gradient(grad_rows: Tensor, rows: Tensor, unit: float) -> Tensor:
    """The gradient of the rows before they were quantised.

    Args:
        grad_rows: (n_rows, width) float32, of the quantised rows.
        rows: (n_rows, width) float32 with any strides, before quantisation.
        unit: a power of two.

    Returns:
        (n_rows, width) in the order of memory of a dense synapse's weight, (width, n_rows).
    """
    columns = np.ascontiguousarray(rows.detach().numpy().T)
    cut = room(*columns.shape)
    arrays = (grad_rows.contiguous().numpy(), columns, np.float32(1 / unit), cut.numpy())
    run_pieces(-(-len(columns) // turn.STRIP), lambda first, end: _cut(first, end, *arrays), WORK * columns.size)
    return cut.t()


@njit(nogil=True, cache=True)
def _convert(first, end, columns, inverse, block, laid, largest):
    """Pieces are strips of inputs; laid: (blocks, n_rows, block / 4) int32, of four columns each."""
    width, n_rows = columns.shape
    bits, last = columns.view(np.int32), np.uint64(width - 1)
    words = np.empty(STRIP, np.int32)
    for strip in range(first, end):
        row, n = np.uint64(strip * STRIP), min(STRIP, n_rows - strip * STRIP)
        for k in range(laid.shape[0]):
            for at in range(laid.shape[2]):
                a = np.uint64(k * block + 4 * at)
                if a > last:
                    break
                b, c, d = min(a + np.uint64(1), last), min(a + np.uint64(2), last), min(a + np.uint64(3), last)
                for ahead in range(AHEAD, AHEAD + 4):
                    prefetch(columns, (a + np.uint64(ahead)) * np.uint64(n_rows) + row, n)
                size = _four(columns, bits, a, b, c, d, row, n, inverse, words)
                largest[strip] = max(largest[strip], size)
                _store(words, n, laid, np.uint64(k), row, np.uint64(at))


@njit(nogil=True, cache=True)
def _four(columns, bits, a, b, c, d, row, n, inverse, words):
    """A piece of four columns as words of four bytes; the bits of the largest size in it, those of a NaN if any is."""
    largest = np.int32(0)
    for i in range(n):
        at = row + np.uint64(i)
        words[np.uint64(i)] = (
            (_whole(columns[a, at], inverse) & 255)
            | (_whole(columns[b, at], inverse) & 255) << 8
            | (_whole(columns[c, at], inverse) & 255) << 16
            | _whole(columns[d, at], inverse) << 24
        )
        one = max(np.int32(bits[a, at] & SIZE), np.int32(bits[b, at] & SIZE))
        other = max(np.int32(bits[c, at] & SIZE), np.int32(bits[d, at] & SIZE))
        largest = max(largest, max(one, other))
    return largest


@njit(nogil=True, cache=True)
def _whole(weight, inverse):
    return np.int32(min(max(np.rint(weight * inverse), np.float32(LOWEST)), np.float32(HIGHEST)))


@njit(nogil=True, cache=True)
def _store(words, n, laid, k, row, at):
    for i in range(n):
        laid[k, row + np.uint64(i), at] = words[np.uint64(i)]


@njit(nogil=True, cache=True)
def _cut(first, end, rows, columns, inverse, cut):
    """Turns the gradient, zero where the quantised weight is beyond the bounds or not a number.

    Pieces are strips of columns.
    """
    width, n_rows = columns.shape
    strip = turn.strip_for(n_rows)
    grad = strip.view(np.float32)
    for column in range(first * turn.STRIP, min(end * turn.STRIP, width), turn.STRIP):
        n = min(turn.STRIP, width - column)
        turn.turn_strip(rows, column, n, strip)
        for j in range(n):
            _cut_column(grad, np.uint64(j), columns, np.uint64(column + j), inverse, cut)


@njit(nogil=True, cache=True)
def _cut_column(grad, j, columns, column, inverse, cut):
    for i in range(columns.shape[1]):
        at = np.uint64(i)
        scaled = np.rint(columns[column, at] * inverse)
        inside = (scaled >= np.float32(LOWEST)) & (scaled <= np.float32(HIGHEST))
        cut[column, at] = grad[j, at] if inside else np.float32(0)
