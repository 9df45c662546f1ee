"""The third contestant: what a user of torch would write without either library.

One product of the quantised weights with all steps, then a loop over time, in float32. It has neither lava-dl's
integers nor its rounding, so its spikes are close to lava-dl's but not the same; it is here for its cost.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class PlainNetwork(torch.nn.Module):
    """Fully connected CuBa layers: (batch, n_pre, time) -> (batch, n_post, time).

    Args:
        weights: (n_post, n_pre) of every layer.
        threshold, current_decay, voltage_decay: as lava-dl's (EQUATIONS A.2).
        tau_grad, scale_grad: of the surrogate scale_grad exp(-|u - threshold| / tau_grad) / (2 tau_grad).
    """

    def __init__(
        self,
        weights: list[Tensor],
        threshold: float,
        current_decay: float,
        voltage_decay: float,
        tau_grad: float,
        scale_grad: float,
    ) -> None:
        super().__init__()
        self.directions = torch.nn.ParameterList(weights)
        self.norms = torch.nn.ParameterList(weight.detach().norm(dim=1, keepdim=True) for weight in weights)
        self._threshold = threshold
        self._keep = 1 - current_decay, 1 - voltage_decay
        self._surrogate = tau_grad, scale_grad

    def forward(self, x: Tensor) -> Tensor:
        spikes = x.transpose(1, 2)
        for direction, norm in zip(self.directions, self.norms, strict=True):
            weight = direction * (norm / direction.norm(dim=1, keepdim=True))
            drive = F.linear(spikes, _Quantise.apply(weight))
            spikes = self._fire(drive)
        return spikes.transpose(1, 2)

    def _fire(self, drive: Tensor) -> Tensor:
        """(batch, time, n) -> the same; a spike reaches the next layer one step later."""
        keep_current, keep_voltage = self._keep
        current = voltage = torch.zeros_like(drive[:, 0])
        emitted = [current]
        for now in drive.unbind(1)[:-1]:
            current = keep_current * current + now
            voltage = keep_voltage * voltage + current
            spike = _Fire.apply(voltage, self._threshold, *self._surrogate)
            voltage = voltage * (1 - spike.detach())
            emitted.append(spike)
        return torch.stack(emitted, 1)


class _Quantise(torch.autograd.Function):
    """Weights to multiples of 1/32 in 8 bits; gradient *straight-through*."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        return torch.round(weight * 32).clamp(-128, 127) / 32

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class _Fire(torch.autograd.Function):
    """1 where the voltage exceeds the threshold; gradient *surrogate*."""

    @staticmethod
    def forward(ctx: Any, voltage: Tensor, threshold: float, tau: float, scale: float) -> Tensor:
        ctx.save_for_backward(voltage)
        ctx.constants = threshold, tau, scale
        return (voltage > threshold).to(voltage.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (voltage,) = ctx.saved_tensors
        threshold, tau, scale = ctx.constants
        slope = torch.exp((voltage - threshold).abs() / -tau) * (scale / (2 * tau))
        return grad * slope, None, None, None
