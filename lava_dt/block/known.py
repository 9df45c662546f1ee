"""Weights that are what they were at the last call: in inference they are neither normalised nor laid out again.

Whether they are is seen by comparing every number with a copy, which takes a fraction of the time; nothing else could
tell it, as `.data` and NumPy change tensors unseen. The weight, which the synapse hands to everybody, must be as it was
made, too: of its numbers a sum is kept.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numba import njit
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import prefetch
from lava_dt.dynamics.cuba.weights import Laid
from lava_dt.dynamics.weight_norm import fits

CHUNK = 1 << 14  # numbers
AHEAD = 1 << 11  # numbers that are asked for before they are compared
WORK = 4  # of a number, in updates of the size that `run_pieces` counts
FACTOR = 0x9E3779B97F4A7C15  # spreads the numbers' places over 64 bits


@dataclass(frozen=True)
class _Known:
    copies: tuple[Tensor, ...]
    weight: Tensor
    mark: tuple[torch.Size, int] | None
    laid: Laid = field(default_factory=dict)


_known: WeakKeyDictionary[torch.nn.Module, _Known] = WeakKeyDictionary()


def known(synapse: torch.nn.Module, parameters: tuple[Tensor, ...], make: Callable[[], Tensor]) -> Tensor:
    """The weight that ``make`` gives for the parameters (float32, contiguous, on the CPU), made again if they changed.

    Only without gradients; in a call with gradients, or in `torch.inference_mode`, it is made and nothing is kept.
    It is made again, too, if somebody has changed it in place, by whatever way.
    """
    if torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        _known.pop(synapse, None)
        return make()
    found = _known.get(synapse)
    if found is None or not all(map(_same, found.copies, parameters)) or _mark(found.weight) != found.mark:
        copies = tuple(parameter.detach().clone() for parameter in parameters)
        weight = make()  # after the copies: what another thread changes meanwhile differs from them at the next call
        found = _known[synapse] = _Known(copies, weight, _mark(weight))
    return found.weight


def laid_before(synapse: torch.nn.Module, weight: Tensor) -> Laid | None:
    """Where the kernels keep and find the rows of a weight that is `known`, by unit and columns; None if it is not."""
    found = _known.get(synapse)
    return None if found is None or found.weight is not weight else found.laid


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and bits."""
    if one.shape != other.shape:
        return False
    a, b = (tensor.detach().view(-1).numpy().view(np.int32) for tensor in (one, other))
    differ: list[int] = []
    run_pieces(-(-a.size // CHUNK), lambda first, end: differ.append(_difference(first, end, a, b)), WORK * a.size)
    return not any(differ)


def _mark(weight: Tensor) -> tuple[torch.Size, int] | None:
    """The shape, and a sum of the bits: any one number alters it that changes, many with near certainty (64 bits).

    None for a tensor that `known` cannot have made.
    """
    if not fits(weight):
        return None
    a = weight.detach().view(-1).numpy().view(np.uint32)
    sums: list[int] = []
    run_pieces(-(-a.size // CHUNK), lambda first, end: sums.append(int(_sum(first, end, a))), WORK * a.size)
    return weight.shape, sum(sums) % (1 << 64)


@njit(nogil=True, cache=True)
def _difference(first, end, a, b):
    """The bits in which numbers of the chunks first ... end - 1 differ."""
    found = np.int32(0)
    for low in range(first * CHUNK, min(end * CHUNK, a.size), 64):
        prefetch(a, np.uint64(low + AHEAD), 64)
        prefetch(b, np.uint64(low + AHEAD), 64)
        found |= _differing(a[low : low + 64], b[low : low + 64])
    return found


@njit(nogil=True, cache=True)
def _differing(a, b):
    found = np.int32(0)
    for i in range(a.size):
        found |= a[i] ^ b[i]
    return found


@njit(nogil=True, cache=True)
def _sum(first, end, a):
    """The bits of the chunks first ... end - 1, each number's times an odd factor of its place, modulo 2**64."""
    low = first * CHUNK
    return _weighed(a[low : end * CHUNK], low)


@njit(nogil=True, cache=True)
def _weighed(a, place):
    total = np.uint64(0)
    for i in range(a.size):
        spread = np.uint64(place + i) * np.uint64(FACTOR)
        spread ^= spread >> np.uint64(32)  # or moves by equal distances would cancel out
        total += np.uint64(a[i]) * (spread | np.uint64(1))
    return total
