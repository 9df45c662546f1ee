"""Memory for large signals, which begins with a cache line and is kept for the next call."""

from __future__ import annotations

import math
import weakref
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LINE = 64  # bytes of a cache line
LARGE = 1 << 20  # bytes from which on memory is kept
MOST_KEPT = 1 << 28  # bytes in all
HEAP_BLOCK = 31 << 20  # bytes, never touched

_lent: dict[int, tuple[Any, NDArray[Any]]] = {}
_kept: dict[int, list[NDArray[Any]]] = {}


def room(*shape: int, dtype: Any = np.float32) -> Tensor:
    """A tensor on the CPU, to be filled in, that begins with a cache line.

    NumPy asks Linux for huge pages where torch does not; even so the first touch of tens of MB takes longer than
    filling them. So what a large tensor occupied is kept for the next of its size.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return torch.from_numpy(_new(size).view(dtype).reshape(shape))
    _keep_heap()
    memory = _kept_or_new(size)
    array = memory.view(dtype).reshape(shape)
    key = id(memory)
    _lent[key] = weakref.ref(array, lambda _: _keep(*_lent.pop(key)[1:])), memory
    return torch.from_numpy(array)


@cache
def _keep_heap() -> None:
    """Lets torch's own large tensors, such as a normalised weight, find the memory of the one before.

    glibc gives what is free at the heap's end back to Linux beyond twice the largest block, up to 32 MiB, that it has
    seen freed; in a process that has freed none, every step may touch new memory, for longer than it computes.
    """
    torch.empty(HEAP_BLOCK, dtype=torch.uint8)


def release() -> None:
    """Gives back what is kept for later calls."""
    _kept.clear()


def _kept_or_new(size: int) -> NDArray[Any]:
    try:
        return _kept[size].pop()
    except (KeyError, IndexError):
        return _new(size)


def _new(size: int) -> NDArray[Any]:
    memory = np.empty(size + LINE, np.uint8)
    skipped = -memory.__array_interface__["data"][0] % LINE  # `ctypes` takes three times as long
    return memory[skipped : skipped + size]


def _keep(memory: NDArray[Any]) -> None:
    """Keeps memory, and gives back that of the sizes used longest ago where it is too much."""
    if memory.size > MOST_KEPT:
        return
    held = _kept.pop(memory.size, [])  # the same list, from which another thread may take something at this moment
    held.append(memory)
    _kept[memory.size] = held  # the size used last comes last
    while sum(size * len(arrays) for size, arrays in _kept.copy().items()) > MOST_KEPT:
        _kept.pop(next(iter(_kept.copy()), 0), None)  # other threads may do the same
