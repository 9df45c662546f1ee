"""The recurrent layer as a plain torch loop over the steps: any device, any type, whatever a neuron may carry.

Slow, with memory for torch's record of every step; for norms, dropout, graded spikes, float64 and CUDA tensors. What
both can do comes out the same as in `recurrent.respond`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lava_dt.surrogate import spike as spike_function


def respond(
    drive: Tensor, weights: Tensor, neuron: Any, bias: float, tail: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Spikes of a recurrent layer; goes on from the neuron's states, which it does not change.

    Args:
        drive: (batch, neuron..., steps). Gradient: as `recurrent.respond`, through the norm where there is one.
        weights: (n, n), R[post, pre].
        neuron: a `lava_dt.neuron.Neuron` whose states have the drive's shape. Its norm is applied to the current of
            each step by itself and what comes out is kept as the state, its dropout to the spikes of each step before
            they are fed back, as lava-dl does.
        bias: added to the drive of every step.
        tail: (batch, neuron..., hop): spikes come out hop steps late, these in the first hop steps.

    Returns:
        spikes (batch, neuron..., steps), current and voltage after the last step, (batch, neuron...), and the spikes
        of the last hop steps.
    """
    along_channels = (-1, *(1,) * (drive.dim() - 2))
    current_decay, voltage_decay, level, width = (
        values.reshape(along_channels)
        for values in (neuron.current_step_decay, neuron.voltage_step_decay, neuron.level, neuron.surrogate_width)
    )
    keep_current, keep_voltage = (_kept(decay.detach(), drive.dtype) for decay in (current_decay, voltage_decay))
    step_down = level / neuron.s_scale if neuron.timestep.reset == "soft" else None
    current, voltage = (
        state.detach().to(drive).unsqueeze(-1) for state in (neuron.current_state, neuron.voltage_state)
    )
    spikes = torch.zeros_like(current)
    seen = [tail]
    for now in drive.split(1, -1):  # whose gradient is put together once, unlike that of slices
        feedback = F.linear(spikes.reshape(len(drive), -1), weights).reshape(current.shape)
        if bias:
            feedback = feedback + bias
        current = _Leak.apply(now + feedback, current, current_decay, keep_current, neuron.s_scale)
        if neuron.norm is not None:
            current = neuron.norm(current)
        voltage = _Leak.apply(current, voltage, voltage_decay, keep_voltage, neuron.s_scale)
        spikes = spike_function(voltage, level, neuron.s_scale, width, neuron.surrogate_scale, neuron.graded_spike)
        fired = (spikes.detach() > 0).to(voltage.dtype) if neuron.graded_spike else spikes.detach()
        voltage = torch.addcmul(voltage, fired, voltage.detach() if step_down is None else step_down, value=-1)
        if neuron.graded_spike:
            spikes = neuron.in_real_units(spikes)
        if neuron.drop is not None:
            spikes = neuron.drop(spikes)
        seen.append(spikes)
    out, steps = torch.cat(seen, -1), drive.shape[-1]
    return out[..., :steps], current[..., 0].detach(), voltage[..., 0].detach(), out[..., steps:].detach()


def _kept(decay: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """1 - decay/4096 in float64, in which its products with integers are exact, and in the gradients' type."""
    return (4096 - decay.double()) / 4096, (1 - decay / 4096).to(dtype)


class _Leak(torch.autograd.Function):
    """One step of the leaky integrator: the adjoint of the real recurrence, *straight-through* its integers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, decay: Tensor, kept: tuple[Tensor, Tensor], scale: int) -> Tensor:
        exact, ctx.kept = kept
        ctx.save_for_backward(state, decay)
        left = torch.trunc(torch.trunc(state * scale) * exact)
        return ((left + torch.trunc(x * scale)).float() / scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        state, decay = ctx.saved_tensors
        grad_decay = (grad * state).sum_to_size(decay.shape) / -4096 if ctx.needs_input_grad[2] else None
        return grad, grad * ctx.kept, grad_decay, None, None
