"""A product with few terms on the CPU: the gradient that a small layer, such as a read-out, hands to a large one.

Of such a product the result is what takes time; a library's blocks of terms are made for many of them.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import aligned_zeros, settle, write_past
from lava_dt.room import room
from lava_dt.vectors import with_whole_vectors

TERMS = 8  # added at once
FEW = 32  # terms, up to which this is faster


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x weight: (..., k) times (k, n) -> (..., n), float32, on the CPU; without gradient."""
    *shape, terms = x.shape
    rows, n = x.reshape(-1, terms), weight.shape[1]
    result = room(*shape, n)
    if terms > FEW:
        return torch.matmul(rows, weight, out=result.view(-1, n)).view(result.shape)
    filled = room(-(-terms // TERMS) * TERMS, n).numpy()
    filled[:terms], filled[terms:] = weight.numpy(), 0
    arrays = rows.contiguous().numpy(), filled, result.numpy().reshape(-1, n)
    run_pieces(rows.shape[0], lambda first, end: _product(first, end, *arrays), rows.shape[0] * n * TERMS)
    return result


@njit(nogil=True, cache=True)
def _product(first, end, x, weight, result):
    """weight: (terms or more, n), a multiple of TERMS, those beyond x's zeros."""
    terms, n = weight.shape
    total = aligned_zeros(n, np.float32)
    factors = np.zeros(terms, np.float32)
    for row in range(first, end):
        total[:] = 0
        for k in range(x.shape[1]):
            factors[k] = x[row, k]
        for k in range(0, terms, TERMS):
            _add(total, weight, np.uint64(k), factors[k : k + TERMS])
        write_past(total, n, result, np.uint64(row), np.uint64(0))
    settle()


@njit(nogil=True, cache=True, fastmath={"contract"}, forceinline=True)
def _add(total, weight, k, x):
    """total += x[0] weight[k] + ... + x[7] weight[k + 7]"""
    with_whole_vectors()
    a, b, c, d, e, f, g, h = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
    for i in range(total.size):
        j = np.uint64(i)
        one = a * weight[k, j] + b * weight[k + np.uint64(1), j]
        two = c * weight[k + np.uint64(2), j] + d * weight[k + np.uint64(3), j]
        three = e * weight[k + np.uint64(4), j] + f * weight[k + np.uint64(5), j]
        four = g * weight[k + np.uint64(6), j] + h * weight[k + np.uint64(7), j]
        total[j] += (one + two) + (three + four)
