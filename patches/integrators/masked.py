"""The leaky integrator of the published protocol: it integrates every step and shows every dt-th (EQUATIONS A.3).

    y[n] = toward_zero((4096 - decay) r[n-1] / 4096) + trunc(scale x[n])              at every step n = 0, 1, ...
    with a threshold, n mod dt = 0:   out[n] = y[n],   r[n] = y[n] (1 - [y[n] >= threshold])
    with a threshold, else:           out[n] = 0,      r[n] = y[n]
    without one:                      out[n] = y[n],   r[n] = y[n]

    backward, cpu:    n mod dt = 0:  g[n] = dE/dout[n],                        else g[n] = (1 - decay/4096) g[n+1]
    backward, cuda:   n mod dt = 0:  g[n] = (1 - decay/4096) g[n+1] + dE/dout[n],   else g[n] = g[n+1]

with g = 0 behind the last step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def masked_integrator(
    input: Tensor, decay: Tensor, state: Tensor, w_scale: int, threshold: float | None, dt: int, backward: str
) -> Tensor:
    """Integrates over the last axis.

    Args:
        input: (batch, channel, ..., time), real units. Gradient: g above; `cpu` and `cuda` are neither exact nor a
            surrogate of the forward pass, but what the published code computes.
        decay: (1,) or (channel,), of one entry of the time axis, in 1/4096. No gradient.
        state: (1,) or input.shape[:-1], before the first step, real units. No gradient.
        w_scale: integers per real unit.
        threshold: in real units; None or not above zero: no spike, and no mask.
        dt: grid steps are those whose number, counted from 0, it divides.
        backward: ``'cpu'``, ``'cuda'`` or ``'exact'``, all computed wherever the tensors are.

    Returns:
        what is visible of y, before the reset, over w_scale: shape and type of ``input``.
    """
    level = -1.0 if threshold is None else threshold * w_scale
    return _Masked.apply(input, decay.detach(), state.detach(), w_scale, level, dt, backward)


def _per_neuron(decay: Tensor, input: Tensor) -> Tensor:
    return decay.reshape(-1, *(1,) * (input.dim() - 3))


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, decay: Tensor, state: Tensor, w_scale: int, level: float, dt: int, backward: str
    ) -> Tensor:
        ctx.save_for_backward(1 - _per_neuron(decay, input) / (1 << 12))
        ctx.dt, ctx.backward_pass, ctx.masked = dt, backward, level > 0
        keep = (1 << 12) - _per_neuron(decay, input).to(torch.int64)
        y = (state.expand(input.shape[:-1]) * w_scale).to(torch.int64)
        nothing = torch.zeros_like(input[..., 0])
        visible = []
        for n, x in enumerate(input.unbind(-1)):
            y = torch.sign(y) * ((y.abs() * keep) >> 12) + (w_scale * x).to(torch.int64)
            if level > 0 and n % dt:
                visible.append(nothing)
                continue
            visible.append((y / w_scale).to(input.dtype))
            if level > 0:
                y = y * (y < level)
        return torch.stack(visible, -1)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        (keep,) = ctx.saved_tensors
        carried = torch.zeros_like(grad_output[..., 0])
        gradients = []
        for n in reversed(range(grad_output.shape[-1])):
            on_grid = n % ctx.dt == 0
            if ctx.backward_pass == "exact":
                carried = keep * carried
                if on_grid or not ctx.masked:
                    carried = carried + grad_output[..., n]
            elif ctx.backward_pass == "cpu":
                carried = grad_output[..., n] if on_grid else keep * carried
            elif on_grid:
                carried = keep * carried + grad_output[..., n]
            gradients.append(carried)
        return torch.stack(gradients[::-1], -1), None, None, None, None, None, None
