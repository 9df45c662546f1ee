"""Spikes as lists: what is silent costs nothing from here on.

A block takes its spikes as a dense tensor or as a ``torch.sparse_coo_tensor``, both (batch, neuron..., time);
`events_of` lists either by sample and step, which is the order in which the neurons take them. `reference` holds the
plain loops, `cpu` the Numba kernels; both have the same five functions (list_dense, list_entries, merge_rows,
take_rows, sort_rows), which take the same arguments and return the same.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lava_dt.events.dense import dense_events
from lava_dt.events.lists import Events
from lava_dt.events.sparse import sparse_events, to_sparse

__all__ = ["Events", "events_of", "to_sparse"]


def events_of(x: Tensor, largest_density: float = 1.0) -> Events | None:
    """Lists the spikes of a tensor, unless it is no matter for lists.

    Args:
        x: (batch, neuron..., time) on the CPU, of any real type. Dense with any strides: memory laid out (batch,
            neuron..., time) or (batch, time, neuron...), the neuron axes in any order, is read where it lies, other
            memory is first made contiguous. Or a ``torch.sparse_coo_tensor`` without dense axes, coalesced or not:
            entries at the same place are added up. No gradient.
        largest_density: the largest part of ``x`` that may be non-zero, 0 ... 1.

    Returns:
        The spikes, the same whatever the number of threads; None if a value is not a whole number with
        ``|value| < 2**31`` or more than ``largest_density`` of ``x`` is non-zero. Of a large dense tensor a sample is
        looked at first: one whose sample lies far above the bound (8 standard deviations) is not read further.

    Raises:
        TypeError: ``x`` is not a tensor, has another layout than these two, or numbers that are not real.
        RuntimeError: ``x`` is not on the CPU.
        ValueError: ``x`` has fewer than 3 axes, dense axes or too many neurons or steps; an index of a sparse tensor
            is outside its shape; ``largest_density`` is not in 0 ... 1.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"spikes are a {type(x).__name__}: pass a torch tensor (batch, neuron..., time)")
    if x.layout not in (torch.strided, torch.sparse_coo):
        raise TypeError(f"spikes have layout {x.layout}: pass a dense tensor, or a sparse one after .to_sparse_coo()")
    if x.device.type != "cpu":
        raise RuntimeError(f"spikes are on {x.device}: lists of events are made on the CPU; move them with .cpu()")
    if x.dim() < 3:
        raise ValueError(f"spikes have shape {tuple(x.shape)}: pass (batch, neuron..., time), 3 axes or more")
    if not 0 <= largest_density <= 1:
        raise ValueError(f"largest_density is {largest_density}: it is a part of the whole, from 0 to 1")
    x, most = x.detach(), math.floor(largest_density * x.numel())
    most += (most + 1) / max(1, x.numel()) <= largest_density  # the product was rounded down
    return sparse_events(x, most) if x.layout == torch.sparse_coo else dense_events(x, most)
