"""The leaky integrator of Loihi's CuBa neuron, in its fixed-point integers (EQUATIONS A10-A13).

    y[t] = toward_zero((4096 - decay) y[t-1] / 4096) + trunc(scale x[t])
    s[t] = y[t] > threshold;      hard reset: y[t] <- 0 where s[t];      soft reset: y[t] <- y[t] - threshold s[t]

The integrator returns y before the reset, divided by ``scale``. `reference` holds the plain loops, `cpu` the Numba
kernels, `cuda` those for a GPU; all take the same arguments and return the same bits, those of lava-dl's integrator on
the CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lava_dt.dynamics.integrator import cpu, cuda

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
        y before the reset, shape and type of x, rounded to float32 as lava-dl's. On a GPU its memory is
        (batch, time, channel, ...), and an input that lies so is not copied.

    Raises:
        RuntimeError: x is neither on the CPU nor on a CUDA device, or on one that CuPy cannot use.
        TypeError: x is neither float32 nor float64.
        ValueError: shapes that do not fit; x and the others on several devices.
    """
    if x.device.type not in ("cpu", "cuda"):
        raise RuntimeError(
            f"the input is on {x.device}, but lava_dt's kernels run on the CPU and on CUDA devices: move network and "
            "input with .cpu() or .cuda()"
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
        threshold = torch.zeros(1, dtype=torch.int64, device=x.device)
    return _LeakyIntegrator.apply(x, decay, state.detach(), scale, threshold, soft_reset)


def _rows(x: Tensor) -> Tensor:
    """(batch, channel, rest, time) of a tensor with any number of spatial axes, a view where there can be one."""
    return x.detach().reshape(*x.shape[:2], math.prod(x.shape[2:-1]), x.shape[-1])


def _forward(x: Tensor, decay: Tensor, state: Tensor, scale: int, threshold: Tensor, soft_reset: bool) -> Tensor:
    if x.is_cuda:
        return cuda.forward(x, decay, state, scale, threshold, soft_reset)
    arrays = (x.contiguous().numpy(), decay.numpy(), state.numpy())
    return torch.from_numpy(cpu.forward(*arrays, scale, threshold.numpy(), soft_reset))


def _backward(grad_y: Tensor, keep: Tensor) -> Tensor:
    if grad_y.is_cuda:
        return cuda.backward(grad_y, keep)
    return torch.from_numpy(cpu.backward(grad_y.contiguous().numpy(), keep.numpy()))


class _LeakyIntegrator(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, decay: Tensor, state: Tensor, scale: int, threshold: Tensor, soft_reset: bool
    ) -> Tensor:
        initial = (state.expand(x.shape[:-1]) * scale).to(torch.int64)
        whole_decay = decay.detach().reshape(-1).to(torch.int64)
        start = _rows(initial.unsqueeze(-1))[..., 0]
        y = _forward(_rows(x), whole_decay, start, scale, threshold.reshape(-1).to(torch.int64), soft_reset).reshape(
            x.shape
        )
        ctx.save_for_backward(y, decay, state, threshold)
        ctx.scale, ctx.soft_reset = scale, soft_reset
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        y, decay, state, threshold = ctx.saved_tensors
        keep = 1 - decay.detach().reshape(-1) / (1 << P_BITS)
        grad_x = _backward(_rows(grad_y), keep.to(grad_y.dtype)).reshape(grad_y.shape)
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
