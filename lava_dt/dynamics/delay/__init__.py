"""Spikes on their way: each arrives a number of steps later, its channel's (EQUATIONS A.3).

    moved[at] = spikes[m],      at = m every + later      (fine steps from 0; what falls into a shorter last bin's rest
                                                           comes at its end, what leaves the last bin is lost)

`reference` holds the plain loops, `cpu` the Numba kernels; both take the same arguments and return the same. On other
devices `lava_dt.transport` does the same with torch's operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lava_dt.dynamics.delay import cpu

__all__ = ["delayed", "takes"]


def takes(spikes: Tensor) -> bool:
    """Whether the kernels take such a tensor: float32 on the CPU."""
    return spikes.device.type == "cpu" and spikes.dtype == torch.float32


def delayed(spikes: Tensor, delay: Tensor | None, later: Tensor, every: int, steps: int, span: int) -> Tensor:
    """Lays spikes down where they arrive.

    Args:
        spikes: (batch, channel, ..., bins) float32 on the CPU, of any strides. Gradient: *exact*.
        delay: (channel,) or one for all, what ``later`` was made of; its values are not read. Gradient: *surrogate*,
            what arriving a bin later would change (the difference of the spikes' gradients along the bins), summed in
            float64 and divided by ``span``. None: there is none.
        later: (channel,) or (1,) int64: steps from the first one of a spike's bin to its arrival. Below zero, or beyond
            the last bin: no spike arrives.
        every: steps of a bin in the result.
        steps: of the result, (bins - 1) every < steps <= bins every.
        span: a bin's length in the units of ``delay``.

    Returns:
        (batch, channel, ..., steps), a view of memory in which time lies before the neurons, those as in ``spikes``.

    Raises:
        TypeError: other spikes.
        ValueError: a number of steps or of values that does not fit.
    """
    if not takes(spikes):
        raise TypeError(f"the spikes are {spikes.dtype} on {spikes.device}: the kernels take float32 on the CPU")
    if later.numel() not in (1, spikes.shape[1]):
        raise ValueError(
            f"later has {later.numel()} values but the spikes {tuple(spikes.shape)} have {spikes.shape[1]} channels: "
            "give one value, or one a channel"
        )
    if -(-steps // every) != spikes.shape[-1]:
        raise ValueError(f"{spikes.shape[-1]} bins of {every} steps do not make up {steps} steps")
    result: Tensor = _Delayed.apply(spikes, delay, later, every, steps, span)
    return result


class _Delayed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, spikes: Tensor, delay: Tensor | None, later: Tensor, every: int, steps: int, span: int
    ) -> Tensor:
        neurons = spikes.shape[1:-1]
        axes = (0, spikes.dim() - 1, *sorted(range(1, spikes.dim() - 1), key=spikes.stride, reverse=True))
        flat = _flat(spikes, axes)
        per_channel = later.reshape(-1, *(1,) * (len(neurons) - 1)).expand(neurons)
        arrival = per_channel.permute([axis - 1 for axis in axes[2:]]).reshape(-1).contiguous().numpy()
        learnt = delay is not None and ctx.needs_input_grad[1]
        if learnt:
            array = flat.numpy()
            small = cpu.kept(array)  # or the array itself: then the tensor is saved, which knows when it is changed
            ctx.save_for_backward(flat if small is array else torch.from_numpy(small), delay)
        ctx.axes, ctx.neurons, ctx.arrival, ctx.every, ctx.bins, ctx.span = (
            axes, neurons, arrival, every, spikes.shape[-1], span
        )  # fmt: skip
        return _shaped(torch.from_numpy(cpu.forward(flat.numpy(), arrival, every, steps)), axes, neurons)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        axes, neurons = ctx.axes, ctx.neurons
        grad_spikes = cpu.backward(_flat(grad, axes).numpy(), ctx.arrival, ctx.every, ctx.bins)
        grad_delay = None
        if ctx.saved_tensors:
            flat, delay = ctx.saved_tensors
            slope = torch.from_numpy(cpu.slope(flat.numpy(), grad_spikes)).unsqueeze(1)
            per_channel = _shaped(slope, axes, neurons).contiguous().flatten(2).sum([0, 2]) / ctx.span
            grad_delay = (per_channel if delay.numel() > 1 else per_channel.sum()).reshape(delay.shape).to(delay.dtype)
        return _shaped(torch.from_numpy(grad_spikes), axes, neurons), grad_delay, None, None, None, None


def _flat(signal: Tensor, axes: tuple[int, ...]) -> Tensor:
    """(batch, neuron..., time) as (batch, time, n) with the neuron axes in this order; a copy only if it has to be."""
    return signal.detach().permute(axes).flatten(2).contiguous()


def _shaped(flat: Tensor, axes: tuple[int, ...], neurons: tuple[int, ...]) -> Tensor:
    """The inverse of `_flat`, a view."""
    inverse = [axes.index(axis) for axis in range(len(axes))]
    return flat.unflatten(2, [neurons[axis - 1] for axis in axes[2:]]).permute(inverse)
