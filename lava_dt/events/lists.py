"""Spikes as lists, and what time does to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lava_dt.events import cpu
from lava_dt.events.reference import Array
from lava_dt.time_axis import bins


@dataclass(frozen=True, eq=False)
class Events:
    """Spikes as lists.

    Those of sample b at step t (from 0) are the entries start[r] ... start[r+1]-1, r = b * steps + t. In them every
    neuron appears once at most, in no particular order, though always in the same.

    Attributes:
        start: (batch * steps + 1,) int64.
        index: (n_events,) int32: the neuron, flat over the neuron axes in C order of ``shape``.
        count: (n_events,) int32: how often it spikes, not 0, may be negative; None: once everywhere.
        shape: (batch, *neurons, steps).

    Raises:
        ValueError: arrays that do not fit ``shape`` or each other.
        TypeError: arrays of another type.
    """

    start: Array
    index: Array
    count: Array | None
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, array, dtype in (("start", self.start, np.int64), ("index", self.index, np.int32)):
            if array.dtype != dtype:
                raise TypeError(f"{name} has dtype {array.dtype}: it must be {np.dtype(dtype)}")
        if len(self.shape) < 3:
            raise ValueError(f"shape is {self.shape}: it must be (batch, neuron..., steps)")
        if self.start.shape != (self.batch * self.steps + 1,):
            raise ValueError(
                f"start has shape {self.start.shape} but there are {self.batch} samples of {self.steps} steps: it "
                f"must be ({self.batch * self.steps + 1},)"
            )
        if self.index.shape != (self.start[-1],):
            raise ValueError(
                f"index has shape {self.index.shape} but start ends with {self.start[-1]}: they must agree"
            )
        if self.count is not None and self.count.dtype != np.int32:
            raise TypeError(f"count has dtype {self.count.dtype}: it must be int32")
        if self.count is not None and self.count.shape != self.index.shape:
            raise ValueError(f"count has shape {self.count.shape} but index {self.index.shape}: they must fit")

    @property
    def batch(self) -> int:
        return self.shape[0]

    @property
    def steps(self) -> int:
        return self.shape[-1]

    @property
    def neurons(self) -> int:
        """Neurons of one sample."""
        return math.prod(self.shape[1:-1])

    @property
    def density(self) -> float:
        """The part of (batch, neurons, steps) that holds an event."""
        return self.index.size / max(1, math.prod(self.shape))

    def rebin(self, dt: int) -> Events:
        """Bins of dt steps, each with the sums of its counts, as `time_axis.rebin`: (..., steps) -> (..., bins).

        A dt that does not divide the steps leaves a shorter last bin. Counts that sum to zero vanish.

        Raises:
            TypeError: dt is not a whole number.
            ValueError: dt < 1, or the sum of a bin does not fit int32.
        """
        dt = _whole_steps(dt)
        if dt == 1:
            return self
        first = self.start[:-1].reshape(self.batch, self.steps)[:, ::dt]
        lists = cpu.merge_rows(np.append(first, self.start[-1]), self.index, self.count, self.neurons)
        if lists is None:
            raise ValueError(f"a bin of {dt} steps holds 2**31 spikes of a neuron or more: take a smaller dt")
        return Events(*lists, (*self.shape[:-1], bins(self.steps, dt)))

    def at_grid(self, dt: int) -> Events:
        """The events of the grid steps dt, 2 dt, ..., and of the last step, as `time_axis.at_grid`; the rest is lost.

        Raises:
            TypeError, ValueError: dt is not a whole number of 1 or more.
        """
        dt = _whole_steps(dt)
        if dt == 1:
            return self
        grid = np.minimum(np.arange(1, bins(self.steps, dt) + 1) * dt, self.steps) - 1
        first, end = (edge.reshape(self.batch, self.steps)[:, grid] for edge in (self.start[:-1], self.start[1:]))
        lists = cpu.take_rows(first.ravel(), end.ravel(), self.index, self.count)
        return Events(*lists, (*self.shape[:-1], grid.size))

    def by_neuron(self) -> Events:
        """The same events, those of a sample and step in the order of their neurons."""
        order = cpu.sort_rows(self.start, self.index, self.neurons)
        return replace(self, index=self.index[order], count=None if self.count is None else self.count[order])

    def to_dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(batch, *neurons, steps): a view of memory laid out (batch, steps, *neurons).

        Raises:
            ValueError: ``dtype`` does not hold the counts.
        """
        dense = torch.zeros((self.batch, self.steps, *self.shape[1:-1]), dtype=dtype)
        row = np.repeat(np.arange(self.batch * self.steps), np.diff(self.start))
        dense.view(-1)[torch.from_numpy(row * self.neurons + self.index)] = self.values(dtype)
        return dense.movedim(1, -1)

    def values(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(n_events,): the counts as numbers of type ``dtype``.

        Raises:
            ValueError: ``dtype`` does not hold them.
        """
        if self.count is None:
            return torch.ones(self.index.size, dtype=dtype)
        count = torch.from_numpy(self.count)
        values = count.to(dtype)
        if not torch.equal(values.to(torch.int64), count.to(torch.int64)):
            raise ValueError(
                f"counts from {self.count.min()} to {self.count.max()} do not fit {dtype}: pass a wider type"
            )
        return values


def _whole_steps(dt: int) -> int:
    if isinstance(dt, bool) or not hasattr(dt, "__index__"):
        raise TypeError(f"dt is {dt!r}: it must be a whole number of steps")
    if dt < 1:
        raise ValueError(f"dt is {dt}: it must be 1 or more steps")
    return dt.__index__()
