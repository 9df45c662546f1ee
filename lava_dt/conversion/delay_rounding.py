"""Axonal delays in steps of dt: rounded up, as a `Timestep` does, or to the nearest.

A spike that leaves at a grid step arrives D = hop + floor(delay) fine steps later, at the end of the bin that holds
that moment (EQUATIONS A.3; hop and delay are added before rounding):

    up         n = ceil(D / k)
    nearest    n = max(hop, floor(D / k + 1/2))             a hop takes a whole step on Loihi, so n >= 1 behind it

Rounding up adds (k-1)/2 fine steps on average. Both spread channels alike, by up to half a step around their means;
what the nearest saves is latency. It is brought about by shortening the delay to n k - hop fine steps where up would
give more, so that a Timestep, which rounds up, and every file format carry it. No delay gets longer.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bins(fine: Tensor, hop: int, dt: int, rounding: str) -> Tensor:
    """Steps of dt that a spike travels, int64.

    Args:
        fine: whole fine steps of delay, int64, >= 0.
        hop: 0 or 1 fine step.
        dt: fine steps in a step.
        rounding: ``up`` or ``nearest``.
    """
    arrival = fine + hop
    if rounding == "up":
        return -(-arrival // dt)
    return ((2 * arrival + dt) // (2 * dt)).clamp(min=hop)


def rounded(delay: Tensor, max_delay: float | None, hop: int, dt: int, rounding: str) -> Tensor:
    """Delays that a Timestep of dt rounds up to what ``rounding`` says; shape and type of ``delay``.

    Args:
        delay: fine steps as training has them, (1,) or (channel,): their floor between 0 and ``max_delay`` is used.
    """
    fine = delay.detach().clamp(0, max_delay).floor().to(torch.int64)
    wanted = bins(fine, hop, dt, rounding)
    shorter = (wanted * dt - hop).clamp(min=0)
    changed = wanted < bins(fine, hop, dt, "up")
    return torch.where(changed, shorter.to(delay.dtype), delay.detach())
