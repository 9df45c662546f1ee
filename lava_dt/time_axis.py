"""The time axis: fine steps into bins and back (EQUATIONS A.3).

Bin m of a step dt = k holds the fine steps (m-1)k+1 ... mk, the last bin what is left. All functions act on the last
axis, are linear, and have *exact* gradients by autograd.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def bins(steps: int, dt: int) -> int:
    """Number of bins of dt steps that hold ``steps`` steps; the last may be shorter."""
    return -(-steps // dt)


def rebin(spikes: Tensor, dt: int, saturate: bool = False) -> Tensor:
    """Sums spikes into bins of dt steps: what the coarse clock takes.

    Args:
        spikes: (..., T), any real type; negative values are allowed. Dense, or a ``torch.sparse_coo_tensor``.
        dt: steps per bin, >= 1. One that does not divide T leaves a shorter last bin; nothing is lost.
        saturate: give 1 where a bin's sum is above 0, else 0. Counts above 1 travel as graded spikes on Loihi 2.

    Returns:
        (..., ceil(T/dt)); the type of ``spikes`` if that is floating, else int64, which holds every count. Of a sparse
        tensor a sparse one, with the same entries at the bins' indices: not coalesced, unless ``saturate`` has to know
        the sums.

    Raises:
        TypeError: ``spikes`` is not a tensor, or neither dense nor COO, or dt not an integer.
        ValueError: dt < 1, or ``spikes`` has no time axis, or only a dense one in a sparse tensor.
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
    if spikes.layout != torch.strided:
        return _rebin_sparse(spikes, dt, saturate)
    if dt > 1:
        steps = spikes.shape[-1]
        count = bins(steps, dt)
        spikes = F.pad(spikes, (0, count * dt - steps)).unflatten(-1, (count, dt)).sum(-1)
    return (spikes > 0).to(spikes.dtype) if saturate else spikes


def _rebin_sparse(spikes: Tensor, dt: int, saturate: bool) -> Tensor:
    if spikes.layout != torch.sparse_coo:
        raise TypeError(f"spikes has the layout {spikes.layout}: pass a dense tensor, or a sparse one as COO")
    if spikes.dense_dim() > 0:
        raise ValueError(
            f"spikes is sparse in {spikes.sparse_dim()} of its {spikes.dim()} axes and dense in time: make it sparse "
            "in all, for instance with spikes.to_dense().to_sparse()"
        )
    if dt > 1:
        if spikes.requires_grad:  # autograd knows the values of coalesced tensors only
            spikes = spikes.coalesce()
        indices, values = (
            (spikes.indices(), spikes.values()) if spikes.is_coalesced() else (spikes._indices(), spikes._values())
        )
        indices = torch.cat([indices[:-1], indices[-1:] // dt])
        shape = (*spikes.shape[:-1], bins(spikes.shape[-1], dt))
        spikes = torch.sparse_coo_tensor(indices, values, shape, check_invariants=False)
    if not saturate:
        return spikes
    spikes = spikes.coalesce()
    above = spikes.values() > 0
    ones = torch.ones_like(spikes.values()[above])
    indices = spikes.indices()[:, above]
    return torch.sparse_coo_tensor(indices, ones, spikes.shape, is_coalesced=True, check_invariants=False)


def at_grid(signal: Tensor, dt: int, phase: int | None = None) -> Tensor:
    """The signal at the grid steps: (..., T) -> (..., bins).

    Args:
        signal: (..., T).
        dt: fine steps per bin.
        phase: None: the grid steps are dt, 2 dt, ... and the last step T. A number in 0 ... dt-1: T steps out of a
            longer recording, which begin that many steps after a grid step; the last step is a grid step only if it
            falls on one, and there may be none.
    """
    if dt == 1:
        return signal
    if phase is not None:
        return signal[..., dt - 1 - phase :: dt]
    steps = signal.shape[-1]
    full = signal[..., dt - 1 :: dt]
    return full if steps % dt == 0 else torch.cat([full, signal[..., -1:]], -1)


def collect(signal: Tensor, dt: int, phase: int, waiting: Tensor | None) -> tuple[Tensor, Tensor]:
    """Bins of a recording that comes in pieces.

    Args:
        signal: (..., T), a piece that begins ``phase`` steps after a grid step.
        waiting: (...,), the sum of what came in those steps; None: only what comes at grid steps is collected.

    Returns:
        (..., (phase + T) // dt), a bin for every grid step in the piece, and (...,) what waits for the next one.
    """
    if waiting is None:
        return at_grid(signal, dt, phase), signal.new_zeros(signal.shape[:-1])
    count = (phase + signal.shape[-1]) // dt
    if count == 0:
        return signal[..., :0], waiting + signal.sum(-1)
    end = count * dt - phase
    binned = rebin(F.pad(signal[..., :end], (phase, 0)), dt)
    binned = torch.cat([binned[..., :1] + waiting.unsqueeze(-1), binned[..., 1:]], -1)
    return binned, signal[..., end:].sum(-1)


def hold(signal: Tensor, initial: Tensor, dt: int, steps: int, phase: int | None = None) -> Tensor:
    """A state known at the grid steps, held in between: (..., bins) -> (..., steps).

    Before the first grid step it is ``initial`` (...,); at step t it is its value at the last grid step <= t. The grid
    steps are those of `at_grid` with the same ``phase``.
    """
    if dt == 1:
        return signal
    before = initial.to(signal.dtype).expand(signal.shape[:-1]).unsqueeze(-1)
    at_or_before = (torch.arange(1, steps + 1, device=signal.device) + (phase or 0)) // dt
    if phase is None:
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
    if isinstance(phase, int):
        return _Place.apply(spikes, phase, dt, steps)
    count = spikes.shape[-1]
    fine = spikes.new_zeros(*spikes.shape, dt)
    fine = fine.scatter(-1, phase.unsqueeze(-1).expand(*spikes.shape, 1), spikes.unsqueeze(-1))
    fine = fine.reshape(*spikes.shape[:-1], count * dt)
    if count * dt == steps:
        return fine
    return torch.cat([fine[..., : steps - 1], fine[..., steps - 1 :].sum(-1, keepdim=True)], -1)


class _Place(torch.autograd.Function):
    """`place` with one phase: copies slices, in the order of memory in which the bins lie."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, phase: int, dt: int, steps: int) -> Tensor:
        order = sorted(range(spikes.dim()), key=spikes.stride, reverse=True)
        shape = [steps if axis == spikes.dim() - 1 else spikes.shape[axis] for axis in order]
        fine = spikes.new_zeros(shape).permute([order.index(axis) for axis in range(spikes.dim())])
        within = fine[..., phase::dt].shape[-1]
        fine[..., phase::dt] = spikes[..., :within]
        ctx.late = within < spikes.shape[-1]
        if ctx.late:
            fine[..., -1] = spikes[..., -1]
        ctx.phase, ctx.dt = phase, dt
        return fine

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        placed = grad[..., ctx.phase :: ctx.dt]
        return torch.cat([placed, grad[..., -1:]], -1) if ctx.late else placed, None, None, None


def lay_down(spikes: Tensor, dt: int, phase: int, steps: int) -> Tensor:
    """Spikes of the grid steps in a piece of a recording, at those steps: (..., bins) -> (..., steps).

    ``phase`` as in `at_grid`; bins = (phase + steps) // dt.
    """
    count = bins(phase + steps, dt)
    whole = F.pad(spikes, (0, count - spikes.shape[-1]))
    return place(whole, dt - 1, dt, count * dt)[..., phase : phase + steps]
