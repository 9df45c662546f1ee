"""The leaky integrator of Loihi's CuBa neuron, in its fixed-point integers (EQUATIONS A10-A13).

    y[t] = toward_zero((4096 - decay) y[t-1] / 4096) + trunc(scale x[t])
    s[t] = y[t] > threshold;      hard reset: y[t] <- 0 where s[t];      soft reset: y[t] <- y[t] - threshold s[t]

The integrator returns y before the reset, divided by ``scale``. `reference` holds the plain loops, `cpu` the Numba
kernels; both take the same arguments and return the same bits as lava-dl's integrator.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_dt.dynamics.integrator import cpu

P_BITS = 12  # decays are fractions of 2**12


def leaky_integrator(
    x: Tensor,
    decay: Tensor,
    state: Tensor,
    scale: int,
    threshold: Tensor | None = None,
    soft_reset: bool = False,
) -> Tensor:
    """Integrates x over its last axis.

    Args:
        x: (batch, channel, ..., time), float32 or float64, in units of the threshold's real value. Gradient: the
            adjoint of the linear recurrence, *exact* without a threshold; with one it ignores the reset, as lava-dl's:
            what was before a hard reset is taken to reach what comes after it.
        decay: (1,) or (channel,), whole numbers in [0, 4096]. Gradient: *exact* without a threshold; with one, what the
            decay does to each step given the state after its reset is exact, and is carried on by the adjoint of x,
            which ignores the reset.
        state: (1,) or x.shape[:-1]: y before the first step, divided by scale. No gradient.
        scale: integers per real unit, > 0.
        threshold: (1,) or (channel,) integers, compared with the integer y (strictly greater, as on Loihi); None:
            no spike, no reset. No gradient.
        soft_reset: subtract the threshold at a spike instead of setting y to zero.

    Returns:
        y before the reset, shape and type of x, rounded to float32 as lava-dl's.

    Raises:
        RuntimeError: x is not on the CPU.
        TypeError: x is neither float32 nor float64.
        ValueError: shapes that do not fit.
    """
    if x.device.type != "cpu":
        raise RuntimeError(
            f"the input is on {x.device}, but lava_dt's kernels run on the CPU: move network and input with .cpu()"
        )
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"the input is {x.dtype}: the integrator takes float32 or float64; convert it with .float()")
    if x.dim() < 3:
        raise ValueError(f"the input has shape {tuple(x.shape)}: it needs (batch, channel, ..., time)")
    for name, parameter in (("decay", decay), ("threshold", threshold)):
        if parameter is not None and parameter.numel() not in (1, x.shape[1]):
            raise ValueError(
                f"{name} has {parameter.numel()} values but the input {tuple(x.shape)} has {x.shape[1]} channels: "
                "give one value, or one a channel"
            )
    if state.numel() != 1 and state.shape != x.shape[:-1]:
        raise ValueError(
            f"state has shape {tuple(state.shape)}: it must be {tuple(x.shape[:-1])}, the input without time"
        )
    if threshold is None:
        threshold = torch.zeros(1, dtype=torch.int64)
    return _LeakyIntegrator.apply(x, decay, state.detach(), scale, threshold, soft_reset)


def _rows(x: Tensor) -> np.ndarray:
    """(batch, channel, rest, time) view of a tensor with any number of spatial axes."""
    return x.detach().contiguous().reshape(*x.shape[:2], math.prod(x.shape[2:-1]), x.shape[-1]).numpy()


class _LeakyIntegrator(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, decay: Tensor, state: Tensor, scale: int, threshold: Tensor, soft_reset: bool
    ) -> Tensor:
        initial = (state.expand(x.shape[:-1]) * scale).to(torch.int64)
        output = cpu.forward(
            _rows(x),
            decay.detach().reshape(-1).to(torch.int64).numpy(),
            _rows(initial.unsqueeze(-1))[..., 0],
            scale,
            threshold.reshape(-1).numpy(),
            soft_reset,
        )
        y = torch.from_numpy(output).reshape(x.shape)
        ctx.save_for_backward(y, decay, state, threshold)
        ctx.scale, ctx.soft_reset = scale, soft_reset
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        y, decay, state, threshold = ctx.saved_tensors
        keep = 1 - decay.detach().reshape(-1) / (1 << P_BITS)
        adjoint = cpu.backward(_rows(grad_y), keep.to(grad_y.dtype).numpy())
        grad_x = torch.from_numpy(adjoint).reshape(grad_y.shape)
        grad_decay = None
        if ctx.needs_input_grad[1]:
            grad_decay = _decay_gradient(grad_x, y, decay, state, ctx.scale, threshold, ctx.soft_reset)
        return grad_x, grad_decay, None, None, None, None


def _decay_gradient(
    grad_x: Tensor, y: Tensor, decay: Tensor, state: Tensor, scale: int, threshold: Tensor, soft_reset: bool
) -> Tensor:
    """dE/d decay = -1/4096 sum_t dE/dy[t] y[t-1], y[t-1] after its reset and y[0] the initial state."""
    per_channel = (1, -1) + (1,) * (y.dim() - 2)
    level = threshold.reshape(-1).expand(y.shape[1]).reshape(per_channel)
    spiked = (level > 0) & (torch.round(y * scale) > level)
    after_reset = torch.where(spiked, y - level / scale if soft_reset else torch.zeros_like(y), y)
    previous = torch.cat([state.expand(y.shape[:-1]).to(y.dtype).unsqueeze(-1), after_reset[..., :-1]], -1)
    product = -(grad_x * previous) / (1 << P_BITS)
    if decay.numel() == 1:
        return product.sum().reshape(decay.shape)
    return product.transpose(0, 1).reshape(decay.numel(), -1).sum(1).reshape(decay.shape)
