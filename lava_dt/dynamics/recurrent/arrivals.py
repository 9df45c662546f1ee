"""What a dense synapse delivers for spikes given as lists: rows of weights, added spike by spike."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_dt.dynamics.cuba.lists import by_input
from lava_dt.dynamics.recurrent import cpu
from lava_dt.events import Events


def arrivals(events: Events, weights: Tensor, bins: Tensor | None = None) -> Tensor:
    """The drive of a layer by the spikes of another.

    Args:
        events: the spikes, (batch, n_in, steps).
        weights: (n, n_in) float32. Gradient: *exact*.
        bins: the same spikes as a tensor where they have a gradient (*exact*), else None.

    Returns:
        (batch, steps, n): sum over i of weights[:, i] events[b, i, t], in the order in which the events are listed.
    """
    return _Arrivals.apply(events, weights, bins)


class _Arrivals(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, events: Events, weights: Tensor, bins: Tensor | None) -> Tensor:
        ctx.events = events
        ctx.save_for_backward(weights)
        rows = weights.detach().t().contiguous().numpy()
        drive = cpu.add_rows(events.start, events.index, events.count, rows)
        return torch.from_numpy(drive).view(events.batch, events.steps, -1)

    @staticmethod
    def backward(ctx: Any, grad_drive: Tensor) -> tuple[Tensor | None, ...]:
        (weights,) = ctx.saved_tensors
        grad_weights = grad_bins = None
        if ctx.needs_input_grad[1]:
            grad = grad_drive.contiguous().flatten(0, 1).numpy()
            start, row, count = by_input(ctx.events, max(len(grad), 1))
            grad_weights = torch.from_numpy(cpu.add_rows(start[0], row, count if count.size else None, grad)).t()
        if ctx.needs_input_grad[2]:
            grad_bins = torch.matmul(grad_drive, weights).transpose(1, 2)
        return None, grad_weights, grad_bins
