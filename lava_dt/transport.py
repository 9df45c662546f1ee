"""From one layer to the next: lava-dl's one-step hop and its axonal delays, in fine steps (EQUATIONS A.3).

A spike emitted at grid step mk arrives at mk + D, D = hop + floor(delay), and is delivered at the grid step that ends
that bin: a shift by ceil(D / k) bins. On the held clock it is laid down at its arrival step, the same phase of every
bin; on the coarse clock the bin is all there is. Both clocks shift the same bins, so they agree bit for bit.

float32 on the CPU goes through the kernels of `lava_dt.dynamics.delay`, everything else through torch's operations.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from lava.lib.dl.slayer import axon as upstream
from torch import Tensor

from lava_dt.dynamics.delay import delayed, takes
from lava_dt.time_axis import place
from lava_dt.timestep import Timestep


def transport(spikes: Tensor, timestep: Timestep, steps: int, hop: int, delay: Tensor | None = None) -> Tensor:
    """Shifts the spikes of a layer by its hop and delays.

    Args:
        spikes: (batch, neuron..., bins), one entry a step of dt. Gradient: *exact*.
        timestep: the layer's.
        steps: length of the time axis to return: fine steps on the held clock, bins on the coarse clock.
        hop: fine steps from layer to layer, 1 or 0.
        delay: axonal delays in fine steps, (channel,) or one for all, >= 0; their floor is used. Gradient:
            *surrogate*, the backward difference of the shifted spikes over a bin, divided by its length (lava-dl's at
            dt = 1).

    Returns:
        (batch, neuron..., steps).
    """
    k = timestep.dt
    arrival = _arrival(hop, delay)
    shifts = -(-arrival // k)
    if takes(spikes) and (delay is not None or hop or timestep.held):
        later, every = (k - 1 + arrival, k) if timestep.held else (shifts, 1)
        return delayed(spikes, delay, later, every, steps if timestep.held else spikes.shape[-1], k)
    if delay is not None or int(shifts[0]):
        anchor = torch.zeros(1, dtype=spikes.dtype) if delay is None else delay.reshape(-1)
        spikes = _Shift.apply(spikes, anchor, shifts, k)
    if not timestep.held:
        return spikes
    phase = (arrival - 1) % k
    if phase.numel() == 1:
        return place(spikes, int(phase), k, steps)
    per_channel = phase.reshape(-1, *(1,) * (spikes.dim() - 2)).to(spikes.device)
    return place(spikes, per_channel, k, steps)


def transport_piece(
    spikes: Tensor,
    earlier: Tensor | None,
    timestep: Timestep,
    steps: int,
    phase: int | None,
    hop: int,
    delay: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`transport` for a piece of a recording that comes in several calls.

    Args:
        spikes: (batch, neuron..., bins), one entry a grid step in this piece, perhaps none. Gradient: as `transport`'s;
            none into earlier pieces, nor from later ones.
        earlier: what the call before returned, or None at the begin of a recording.
        phase: fine steps from the last grid step to the begin of the piece, where the held clock has such; else None.
        timestep, steps, hop, delay: as `transport`.

    Returns:
        (batch, neuron..., steps), and the last spikes, which arrive in later pieces: (batch, neuron..., bins).

    Notes:
        At dt = 1 only the hop's last spikes are kept, as in lava-dl, which loses those that delays hold back longer.
    """
    ahead = 0 if earlier is None else earlier.shape[-1]
    joined = spikes if earlier is None else torch.cat([earlier.to(spikes), spikes], -1)
    reach = hop if timestep.dt == 1 else int(-(-_arrival(hop, delay).max() // timestep.dt))
    kept = joined[..., max(joined.shape[-1] - reach, 0) :].detach().clone()
    if phase is None:
        return transport(joined, timestep, joined.shape[-1], hop, delay)[..., ahead:], kept
    k = timestep.dt
    open_end = (phase + steps) % k > 0  # the last grid step of this axis is in a later piece, with spikes of its own
    axis = F.pad(joined, (0, 1)) if open_end else joined
    begin = ahead * k + phase
    return transport(axis, timestep, axis.shape[-1] * k, hop, delay)[..., begin : begin + steps], kept


class Delay(upstream.Delay):
    """lava-dl's axonal delays, which load what was saved after they were drawn also before their own first call."""

    delay: torch.nn.Parameter
    init: bool

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        loaded = state_dict.get(f"{prefix}delay")
        if not self.init and isinstance(loaded, Tensor) and (loaded.numel() > 1 or loaded.any()):
            self.delay.data = self.delay.new_empty(loaded.shape)
            self.init = True
        super()._load_from_state_dict(state_dict, prefix, *args)


def _arrival(hop: int, delay: Tensor | None) -> Tensor:
    """Fine steps from a spike to its arrival, (1,) or (channel,)."""
    floor = torch.zeros(1, dtype=torch.int64) if delay is None else delay.detach().reshape(-1).to(torch.int64).cpu()
    return hop + floor


class _Shift(torch.autograd.Function):
    """Moves each channel by its own whole number of bins towards later times; what leaves the end is lost."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, delay: Tensor, shifts: Tensor, dt: int) -> Tensor:
        shifted = _shift(spikes, shifts)
        ctx.save_for_backward(shifted, delay, shifts)
        ctx.dt = dt
        return shifted

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        shifted, delay, shifts = ctx.saved_tensors
        grad_delay = None
        if ctx.needs_input_grad[1]:
            difference = -shifted
            difference[..., 1:] += shifted[..., :-1]
            # one order of memory, hence of the sum, whichever clock the gradient comes from
            per_neuron = torch.sum((grad * difference).contiguous(), [0, -1]) / ctx.dt
            grad_delay = per_neuron.reshape(per_neuron.shape[0], -1).sum(1) if delay.numel() > 1 else per_neuron.sum()
            grad_delay = grad_delay.reshape(delay.shape)
        return _shift(grad, -shifts), grad_delay, None, None


def _shift(signal: Tensor, shifts: Tensor) -> Tensor:
    moved = torch.zeros_like(signal)
    steps = signal.shape[-1]
    for amount in torch.unique(shifts).tolist():
        if abs(amount) >= steps:
            continue
        to, origin = (
            slice(max(amount, 0), steps + min(amount, 0)),
            slice(max(-amount, 0), steps - max(amount, 0)),
        )
        if shifts.numel() == 1:
            moved[..., to] = signal[..., origin]
        else:
            channels = torch.nonzero(shifts == amount).flatten().to(signal.device)
            moved[:, channels, ..., to] = signal[:, channels, ..., origin]
    return moved
