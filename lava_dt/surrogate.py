"""The spike function and SLAYER's surrogate of its derivative (EQUATIONS A.4, A14)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def spike(
    voltage: Tensor, threshold: Tensor, scale: int, tau_rho: Tensor, scale_rho: float, graded: bool = False
) -> Tensor:
    """Spikes where the integer voltage exceeds the integer threshold.

    Args:
        voltage: (batch, channel, ..., time), before the reset. Gradient: *surrogate*,
            scale_rho / (2 tau_rho) exp(-|v - theta| / tau_rho);
            for graded spikes scale_rho exp(min(v - theta, 0) / tau_rho).
        threshold: integers that broadcast to ``voltage``: the threshold times ``scale``. No gradient.
        scale: integers per real unit of the voltage.
        tau_rho: width of the surrogate in the voltage's unit; broadcasts to ``voltage``.
        scale_rho: size of the surrogate.
        graded: give the voltage instead of 1 at a spike.

    Returns:
        Spikes, shape and type of ``voltage``.

    Notes:
        Integers are compared (strictly greater, as on Loihi). lava-dl compares float32 numbers after adding 0.01/scale
        to the threshold, which is the same up to a threshold of 64.0, where the addition is lost and it fires on
        equality.
    """
    return _Spike.apply(voltage, threshold, scale, tau_rho, scale_rho, graded)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        voltage: Tensor,
        threshold: Tensor,
        scale: int,
        tau_rho: Tensor,
        scale_rho: float,
        graded: bool,
    ) -> Tensor:
        fired = (torch.round(voltage * scale) > threshold).to(voltage.dtype)
        # the surrogate is centred where lava-dl centres it, 0.01 integers above the threshold
        theta = ((threshold.to(torch.float64) + 0.01) / scale).to(voltage.dtype)
        ctx.save_for_backward(voltage, theta, tau_rho.to(voltage.dtype))
        ctx.scale_rho, ctx.graded = torch.tensor(scale_rho, dtype=voltage.dtype), graded
        return fired * voltage if graded else fired

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor | None, ...]:
        voltage, theta, tau_rho = ctx.saved_tensors
        if ctx.graded:
            rho = ctx.scale_rho * torch.exp(torch.clamp(voltage - theta, max=0) / tau_rho)
        else:
            rho = ctx.scale_rho / 2 / tau_rho * torch.exp(-torch.abs(voltage - theta) / tau_rho)
        return rho * grad_spikes, None, None, None, None, None
