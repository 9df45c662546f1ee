"""The gradient of a leaky integrator's decay, whatever integrates (EQUATIONS A10-A12).

y[t] = (1 - d/4096) r[t-1] + x[t],   r[t] = y[t] after its reset, r[-1] the initial state
dE/dd = -1/4096 sum_t dE/dy[t] r[t-1]
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class _Trajectory:
    """What is known of an integration once it has run: y (batch, channel, ..., time), the initial state, the level."""

    output: Tensor
    state: Tensor
    w_scale: int
    threshold: float

    def previous(self) -> Tensor:
        """r[t-1] for every step t: shape of y."""
        rest = self.output
        if self.threshold > 0:
            integers = torch.round(rest * self.w_scale)
            rest = rest * (integers < self.threshold * self.w_scale).to(rest.dtype)
        first = self.state.to(rest.dtype).expand(rest.shape[:-1]).unsqueeze(-1)
        return torch.cat([first, rest[..., :-1]], -1)


class _NoteAdjoint(torch.autograd.Function):
    """Hands the input on; its gradient, dE/dy of every step, makes the decay's.

    Gradients: input *exact* (the identity); decay as :func:`with_decay_gradient` says.
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, decay: Tensor, trajectory: list[_Trajectory]) -> Tensor:
        ctx.decay_shape, ctx.trajectory = decay.shape, trajectory
        return input.view_as(input)

    @staticmethod
    def backward(ctx: Any, adjoint: Tensor) -> tuple[Tensor, Tensor, None]:
        product = -adjoint * ctx.trajectory[0].previous() / (1 << 12)
        if ctx.decay_shape.numel() == 1:
            return adjoint, product.sum().reshape(ctx.decay_shape), None
        per_channel = product.transpose(0, 1).flatten(1).sum(1)
        return adjoint, per_channel.reshape(ctx.decay_shape), None


def with_decay_gradient(below: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Upstream's ``leaky_integrator.dynamics`` with the gradient of its decay, (1,) or (channel,) in 1/4096.

    The output and the gradient of the input are upstream's. The decay's gradient is *exact* without a threshold; with
    one, what the decay does to each step from the state after its reset is exact, and is carried on by upstream's
    adjoint, which ignores the reset.

    Notes:
        The reset is told from the output as on the CPU (above the threshold); lava-dl's CUDA kernel also resets at the
        threshold exactly, unless 'lava-dl-cuda-threshold' is applied. What integrates with a ``timestep`` brings its
        own gradient.
    """

    @functools.wraps(below)
    def dynamics(
        input: Tensor,
        decay: Tensor,
        state: Tensor,
        w_scale: int,
        threshold: float | None = None,
        *others: Any,
        **more: Any,
    ) -> Tensor:
        if not (torch.is_grad_enabled() and decay.requires_grad) or more.get("timestep") is not None:
            return below(input, decay, state, w_scale, threshold, *others, **more)
        trajectory: list[_Trajectory] = []
        noted = _NoteAdjoint.apply(input, decay, trajectory)
        output = below(noted, decay.detach(), state, w_scale, threshold, *others, **more)
        level = -1.0 if threshold is None else float(threshold)
        trajectory.append(_Trajectory(output.detach(), state.detach(), w_scale, level))
        return output

    return dynamics
