"""The time axis: fine steps into bins and back (EQUATIONS A.3).

Bin m of a step dt = k holds the fine steps (m-1)k+1 ... mk, the last bin what is left. All functions act on the last
axis, are linear, and have *exact* gradients by autograd.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bins(steps: int, dt: int) -> int:
    """Number of bins of dt steps that hold ``steps`` steps; the last may be shorter."""
    return -(-steps // dt)


def rebin(spikes: Tensor, dt: int, saturate: bool = False) -> Tensor:
    """Sums spikes into bins of dt steps: what the coarse clock takes.

    Args:
        spikes: (..., T), any real type; negative values are allowed.
        dt: steps per bin, >= 1. One that does not divide T leaves a shorter last bin; nothing is lost.
        saturate: give 1 where a bin's sum is above 0, else 0. Counts above 1 travel as graded spikes on Loihi 2.

    Returns:
        (..., ceil(T/dt)); the type of ``spikes`` if that is floating, else int64, which holds every count.

    Raises:
        TypeError: ``spikes`` is not a tensor, or dt not an integer.
        ValueError: dt < 1, or ``spikes`` has no time axis.
    """
    if not isinstance(spikes, Tensor):
        raise TypeError(f"spikes is a {type(spikes).__name__}: pass a torch tensor (..., time)")
    if isinstance(dt, bool) or not hasattr(dt, "__index__"):
        raise TypeError(f"dt is {dt!r}: it must be a whole number of steps")
    dt = dt.__index__()
    if dt < 1:
        raise ValueError(f"dt is {dt}: it must be 1 or more steps")
    if spikes.dim() == 0:
        raise ValueError("spikes has no axes: pass (..., time)")
    if not spikes.is_floating_point():
        spikes = spikes.to(torch.int64)
    if dt > 1:
        steps = spikes.shape[-1]
        count = bins(steps, dt)
        spikes = F.pad(spikes, (0, count * dt - steps)).unflatten(-1, (count, dt)).sum(-1)
    return (spikes > 0).to(spikes.dtype) if saturate else spikes


def at_grid(signal: Tensor, dt: int) -> Tensor:
    """The signal at the grid steps dt, 2 dt, ..., T: (..., T) -> (..., ceil(T/dt))."""
    if dt == 1:
        return signal
    steps = signal.shape[-1]
    full = signal[..., dt - 1 :: dt]
    return full if steps % dt == 0 else torch.cat([full, signal[..., -1:]], -1)


def hold(signal: Tensor, initial: Tensor, dt: int, steps: int) -> Tensor:
    """A state known at the grid steps, held in between: (..., M) -> (..., steps).

    Before the first grid step it is ``initial`` (...,); at step t it is its value at the last grid step <= t.
    """
    if dt == 1:
        return signal
    before = initial.to(signal.dtype).expand(signal.shape[:-1]).unsqueeze(-1)
    at_or_before = torch.arange(1, steps + 1, device=signal.device) // dt
    at_or_before[-1] = signal.shape[-1]
    return torch.cat([before, signal], -1)[..., at_or_before]


def place(spikes: Tensor, phase: Tensor | int, dt: int, steps: int) -> Tensor:
    """Bins back onto fine steps: (..., M) -> (..., steps), zero but for one step in each bin.

    Args:
        spikes: (..., M) with M = ceil(steps/dt).
        phase: which of a bin's dt steps receives the spike, 0 ... dt-1; an int, or a tensor that broadcasts to
            (..., 1). Where the last bin is shorter, what would fall behind its end is put at its end, the grid step
            that ends the bin.
        dt, steps: fine steps per bin, and in all.
    """
    count = spikes.shape[-1]
    fine = spikes.new_zeros(*spikes.shape, dt)
    if isinstance(phase, int):
        index = torch.full((1,) * fine.dim(), phase, device=spikes.device)
    else:
        index = phase.unsqueeze(-1)
    fine = fine.scatter(-1, index.expand(*spikes.shape, 1), spikes.unsqueeze(-1))
    fine = fine.reshape(*spikes.shape[:-1], count * dt)
    if count * dt == steps:
        return fine
    return torch.cat([fine[..., : steps - 1], fine[..., steps - 1 :].sum(-1, keepdim=True)], -1)
