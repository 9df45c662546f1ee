"""Sparse tensors: entries at places (batch, neuron..., time) to events, and back."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lava_dt.events import cpu
from lava_dt.events.lists import Events
from lava_dt.events.numbers import plain_numbers

LARGEST_INDEX = 2**31  # neurons are counted in 32 bits


def sparse_events(x: Tensor, most: int) -> Events | None:
    """See `events_of`; x a ``torch.sparse_coo_tensor``, of which ``most`` places may be events. It is not coalesced."""
    if x.dense_dim():
        raise ValueError(
            f"spikes {tuple(x.shape)} have {x.dense_dim()} dense axes: every axis (batch, neuron..., time) must be "
            "sparse; make them with x.to_dense().to_sparse()"
        )
    neurons = math.prod(x.shape[1:-1])
    if neurons >= LARGEST_INDEX:
        raise ValueError(f"spikes {tuple(x.shape)} have {neurons} neurons: at most {LARGEST_INDEX - 1} can be listed")
    places, values = x._indices().numpy(), plain_numbers(x._values()).contiguous().numpy()
    shape = np.array(x.shape, np.int64)
    lists = cpu.list_entries(places, values, shape, x.is_coalesced())
    if lists is None:
        _check_places(x)
        return None
    return Events(*lists, tuple(x.shape)) if lists[1].size <= most else None


def _check_places(x: Tensor) -> None:
    size = torch.tensor(x.shape).unsqueeze(1)
    outside = ((x._indices() < 0) | (x._indices() >= size)).any(0).nonzero()
    if outside.numel():
        entry = int(outside[0])
        raise ValueError(
            f"entry {entry} of the sparse spikes is at {tuple(x._indices()[:, entry].tolist())}, outside their shape "
            f"{tuple(x.shape)}: indices run from 0 to the size of their axis less 1"
        )


def to_sparse(events: Events, dtype: torch.dtype = torch.float32) -> Tensor:
    """The events as a coalesced ``torch.sparse_coo_tensor`` (batch, *neurons, steps): the inverse of `events_of`.

    Raises:
        ValueError: ``dtype`` does not hold the counts.
    """
    row = np.repeat(np.arange(events.batch * events.steps), np.diff(events.start))
    neurons = np.unravel_index(events.index, events.shape[1:-1])
    places = np.stack([row // max(1, events.steps), *neurons, row % max(1, events.steps)])
    entries = torch.from_numpy(places), events.values(dtype)
    return torch.sparse_coo_tensor(*entries, events.shape, check_invariants=False).coalesce()
