"""Weights that are what they were at the last call: in inference they are neither normalised nor laid out again.

Whether they are is seen by comparing every number with a copy, which takes a fraction of the time; nothing else could
tell it, as `.data` and NumPy change tensors unseen. The weight itself needs no such comparison: what the synapse hands
to everybody is a copy of it.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numba import njit
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import prefetch
from lava_dt.dynamics.cuba.weights import Laid

CHUNK = 1 << 14  # numbers
AHEAD = 1 << 11  # numbers that are asked for before they are compared
WORK = 4  # of a number, in updates of the size that `run_pieces` counts


@dataclass(frozen=True)
class _Known:
    copies: tuple[Tensor, ...]
    weight: Tensor
    shown: Tensor
    laid: Laid = field(default_factory=dict)


_known: WeakKeyDictionary[torch.nn.Module, _Known] = WeakKeyDictionary()


def known(
    synapse: torch.nn.Module, parameters: tuple[Tensor, ...], make: Callable[[], Tensor]
) -> tuple[Tensor, Tensor]:
    """The weight that ``make`` gives for the parameters (float32, contiguous, on the CPU), made again if they changed.

    Only without gradients; in a call with gradients, or in `torch.inference_mode`, it is made and nothing is kept.

    Returns:
        The weight, which nobody may change in a way that torch does not see; and the tensor that the synapse may hold
        for everybody. That is a copy where the weight is kept, and a new one once torch has seen it changed in place.
    """
    if torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        _known.pop(synapse, None)
        weight = make()
        return weight, weight
    found = _known.get(synapse)
    if found is None or found.weight._version or not all(map(_same, found.copies, parameters)):
        copies = tuple(parameter.detach().clone() for parameter in parameters)
        weight = make()  # after the copies: what another thread changes meanwhile differs from them at the next call
        found = _known[synapse] = _Known(copies, weight, weight.clone())
    elif found.shown._version:
        found = _known[synapse] = replace(found, shown=found.weight.clone())
    return found.weight, found.shown


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
