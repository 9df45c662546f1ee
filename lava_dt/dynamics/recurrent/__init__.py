"""A layer of CuBa neurons whose spikes come back to it a step later, over the whole time axis [A10-A17].

    x[t] = drive[t] + R s[t-1] + bias
    u[t] = toward_zero((4096 - a) u[t-1] / 4096) + trunc(scale x[t])        a: decay of the current
    v[t] = toward_zero((4096 - b) v[t-1] / 4096) + u[t]                     b: decay of the voltage
    s[t] = v[t] > level;     hard reset: v[t] <- 0 where s[t];     soft reset: v[t] <- v[t] - level s[t]

u and v are integers over ``scale``, kept as float32 from step to step, and s[0] = 0. `reference` holds the plain loops
and `cpu` the Numba kernels; both give the bits of lava-dl's neuron called one step at a time. The sums R s[t-1] are
exact whatever their order where the weights are 8-bit integers over a power of two, as they are when quantised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lava_dt.dynamics.recurrent import cpu

_BLOCK = 16  # steps whose surrogate is computed at once
_FLAT = -60.0  # the surrogate is 0 below e^-60 of its height: less makes denormal products, which are slow
SPARSE = 0.15  # share of spikes up to which the weights' gradient follows them one by one; at 0.2 a product is as fast


@dataclass(frozen=True)
class Cells:
    """The neurons of the layer; tensors are (1,) or (n,).

    Args:
        current_decay, voltage_decay: whole numbers in [0, 4096], what a step loses in 1/4096. Gradient: what the decay
            does to each step given the state after its reset, carried on by the adjoint of the drive: *exact* but for
            the reset, which is ignored, and *surrogate* where it goes through spikes.
        level: the threshold in 1/scale, int64 > 0.
        scale: integers per real unit of current and voltage.
        soft_reset: subtract the threshold at a spike instead of setting the voltage to zero.
        surrogate_width: tau_rho of the surrogate, in real units of the voltage.
        surrogate_scale: scale_rho.
    """

    current_decay: Tensor
    voltage_decay: Tensor
    level: Tensor
    scale: int
    soft_reset: bool
    surrogate_width: Tensor
    surrogate_scale: float


def respond(
    drive: Tensor,
    weights: Tensor,
    cells: Cells,
    current: Tensor,
    voltage: Tensor,
    bias: float = 0.0,
    tail: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Spikes of a recurrent layer.

    Args:
        drive: (batch, steps, n) float32 on the CPU, what comes from outside. Gradient: backpropagation through time,
            through the feedback and the leaks of both states: *exact* adjoint of the linear recurrences, *surrogate* at
            the spike, the reset ignored (what was before it is taken to reach what comes after it).
        weights: (n, n) float32, R[post, pre]. Gradient: as that of the drive.
        cells: the neurons.
        current, voltage: (batch, n) float32, states before the first step in real units, the voltage after its reset.
            No gradient.
        bias: added to the drive of every step.
        tail: (batch, hop, n): spikes come out hop steps late (their feedback does not), these in the first hop steps;
            None: no hop. No gradient.

    Returns:
        spikes (batch, steps, n), both states after the last step, and the spikes of the last hop steps.

    Raises:
        ValueError: shapes that do not fit.
    """
    n = drive.shape[-1]
    if drive.dim() != 3 or weights.shape != (n, n):
        raise ValueError(
            f"the drive has shape {tuple(drive.shape)} and the recurrent weights {tuple(weights.shape)}: they must be "
            "(batch, steps, n) and (n, n)"
        )
    for name, state in (("current", current), ("voltage", voltage)):
        if state.shape != drive.shape[::2]:
            raise ValueError(f"{name} has shape {tuple(state.shape)}: it must be {tuple(drive.shape[::2])}, (batch, n)")
    for name in ("current_decay", "voltage_decay", "level", "surrogate_width"):
        values = getattr(cells, name)
        if values.numel() not in (1, n):
            raise ValueError(f"{name} has {values.numel()} values: give one, or one for each of the {n} neurons")
    tail = drive.new_zeros(len(drive), 0, n) if tail is None else tail.detach()
    if tail.shape != (len(drive), tail.shape[1], n) or tail.shape[1] > drive.shape[1]:
        raise ValueError(
            f"tail has shape {tuple(tail.shape)} and the drive {tuple(drive.shape)}: it must be (batch, hop, n), "
            "with a hop that is no longer than the drive"
        )
    decays = cells.current_decay, cells.voltage_decay
    return _Recurrent.apply(drive, weights, *decays, cells, current.detach(), voltage.detach(), bias, tail)


class _Recurrent(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        weights: Tensor,
        current_decay: Tensor,
        voltage_decay: Tensor,
        cells: Cells,
        current: Tensor,
        voltage: Tensor,
        bias: float,
        tail: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # copies, as the kernel writes into them
        current_after, voltage_after, tail_after = (state.contiguous().clone() for state in (current, voltage, tail))
        learnt = ctx.needs_input_grad[2] or ctx.needs_input_grad[3]
        spikes, voltages, currents, *lists = map(
            torch.from_numpy,
            cpu.forward(
                drive.detach().contiguous().numpy(),
                weights.detach().numpy(),
                bias,
                current_decay.detach().reshape(-1).to(torch.int64).numpy(),
                voltage_decay.detach().reshape(-1).to(torch.int64).numpy(),
                cells.level.reshape(-1).numpy(),
                cells.scale,
                cells.soft_reset,
                current_after.numpy(),
                voltage_after.numpy(),
                tail_after.numpy(),
                learnt,
            ),
        )
        if any(ctx.needs_input_grad):
            states = weights, current_decay, voltage_decay, voltages, currents, current, voltage
            ctx.save_for_backward(*states, spikes, tail_after, *lists)
            ctx.cells = cells
        ctx.mark_non_differentiable(current_after, voltage_after, tail_after)
        return spikes, current_after, voltage_after, tail_after

    @staticmethod
    def backward(ctx: Any, grad_spikes: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        weights, current_decay, voltage_decay, voltages, currents, current, voltage, *saved = ctx.saved_tensors
        spikes, tail, start, fired = saved
        cells: Cells = ctx.cells
        hop = tail.shape[1]
        keep = [1 - decay.detach().reshape(-1).to(weights.dtype) / 4096 for decay in (current_decay, voltage_decay)]
        wants = ctx.needs_input_grad
        grad_voltages = torch.empty_like(voltages) if wants[3] else None
        grad_drive = _adjoint(grad_spikes[:, hop:], voltages, weights, cells, keep, grad_voltages)
        grad_weights = grad_current_decay = grad_voltage_decay = None
        if wants[1]:
            if int(start[:, -1].sum()) < SPARSE * spikes.numel():
                grad_weights = torch.from_numpy(cpu.weight_gradient(grad_drive.numpy(), start.numpy(), fired.numpy()))
            else:
                emitted = torch.cat([spikes[:, hop:], tail], 1)[:, :-1]
                grad_weights = torch.matmul(grad_drive[:, 1:].flatten(0, 1).t(), emitted.flatten(0, 1))
        if wants[2]:
            grad_current_decay = _decay_gradient(grad_drive, current, currents, current_decay)
        if grad_voltages is not None:
            lost = cells.level.reshape(-1) / cells.scale if cells.soft_reset else voltages
            after_reset = voltages - torch.cat([spikes[:, hop:], tail], 1) * lost
            grad_voltage_decay = _decay_gradient(grad_voltages, voltage, after_reset, voltage_decay)
        return grad_drive, grad_weights, grad_current_decay, grad_voltage_decay, None, None, None, None, None


def _adjoint(
    grad_spikes: Tensor,
    voltages: Tensor,
    weights: Tensor,
    cells: Cells,
    keep: list[Tensor],
    grad_voltages: Tensor | None,
) -> Tensor:
    """See `reference.backward`: the gradient of the drive, step by step for the whole batch.

    ``grad_spikes`` may be shorter than the time axis: spikes of the last steps that do not come out.
    """
    theta = ((cells.level.double() + 0.01) / cells.scale).to(weights.dtype)  # where `surrogate` centres it
    width = cells.surrogate_width.to(weights.dtype)
    height = torch.tensor(cells.surrogate_scale, dtype=weights.dtype) / 2 / width
    grad_drive = torch.empty_like(voltages)
    grad_u, grad_v, grad_s = (torch.zeros_like(voltages[:, 0]) for _ in range(3))
    steps = voltages.shape[1]
    for end in range(steps, 0, -_BLOCK):
        first = max(0, end - _BLOCK)
        slope = torch.sub(voltages[:, first:end], theta).abs_().div_(-width)
        slope = F.threshold(slope, _FLAT, -torch.inf, inplace=True).exp_().mul_(height)
        from_outside = grad_spikes[:, first:end].contiguous()  # it may lie with time innermost: by whole cache lines
        for t in reversed(range(first, end)):
            if t < grad_spikes.shape[1]:
                torch.addmm(from_outside[:, t - first], grad_u, weights, out=grad_s)
            else:
                torch.mm(grad_u, weights, out=grad_s)
            grad_v.mul_(keep[1]).addcmul_(slope[:, t - first], grad_s)
            grad_u.mul_(keep[0]).add_(grad_v)
            grad_drive[:, t] = grad_u
            if grad_voltages is not None:
                grad_voltages[:, t] = grad_v
    return grad_drive


def _decay_gradient(grad: Tensor, initial: Tensor, after: Tensor, decay: Tensor) -> Tensor:
    """dE/d decay = -1/4096 sum_t grad[t] y[t-1], y after its reset."""
    each = (grad[:, 0] * initial).sum(0) + (grad[:, 1:] * after[:, :-1]).sum((0, 1))
    each = each if decay.numel() > 1 else each.sum()
    return each.reshape(decay.shape).to(decay.dtype) / -4096
