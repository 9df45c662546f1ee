"""Dense tensors: how their memory is read as it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lava_dt.events import cpu
from lava_dt.events.lists import Events
from lava_dt.events.numbers import plain_numbers
from lava_dt.events.reference import Array

LARGEST_SAMPLE = 2**31  # places are counted in 32 bits


@dataclass(frozen=True)
class _Order:
    """The axes in the order of memory, without those of one entry: the batch, then time first or last."""

    neurons: tuple[int, ...]  # the neuron axes in that order
    time_last: bool


def dense_events(x: Tensor, most: int) -> Events | None:
    """See `events_of`; x dense, of which ``most`` entries may be events."""
    batch, *neurons, steps = x.shape
    n = math.prod(neurons)
    if n * steps >= LARGEST_SAMPLE:
        raise ValueError(
            f"one sample of the spikes {tuple(x.shape)} has {n * steps} places, more than {LARGEST_SAMPLE - 1}: pass "
            "a sparse tensor, or fewer steps at a time"
        )
    x = plain_numbers(x)
    order = _memory_order(x)
    if order is None:
        x = x.contiguous()
        order = _Order(tuple(axis for axis in range(1, x.dim() - 1) if x.shape[axis] > 1), True)
    values = x.as_strided((batch, n * steps), (n * steps, 1)).numpy()
    lists = cpu.list_dense(values, steps, order.time_last, _neurons_in_memory(tuple(x.shape), order.neurons), most)
    return None if lists is None else Events(*lists, tuple(x.shape))


def _memory_order(x: Tensor) -> _Order | None:
    """How memory without gaps is read in order; None if it has gaps or another order than these two."""
    axes = sorted((axis for axis in range(x.dim()) if x.shape[axis] > 1), key=x.stride, reverse=True)
    places = 1
    for axis in reversed(axes):
        if x.stride(axis) != places:
            return None
        places *= x.shape[axis]
    if x.shape[0] > 1 and axes.pop(0) != 0:
        return None
    time = x.dim() - 1
    time_last = x.shape[time] == 1 or axes[-1] == time
    if not time_last and axes[0] != time:
        return None
    return _Order(tuple(axis for axis in axes if axis != time), time_last)


@lru_cache(maxsize=16)
def _neurons_in_memory(whole: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """(neurons,) int32: which neuron, flat in C order of the shape, each place of memory belongs to; not written to."""
    shape = [whole[axis] for axis in sorted(axes)]
    rank = {axis: k for k, axis in enumerate(sorted(axes))}
    index = torch.arange(math.prod(shape), dtype=torch.int32).reshape(shape)
    return np.ascontiguousarray(index.permute([rank[axis] for axis in axes]).reshape(-1).numpy())
