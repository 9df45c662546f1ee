"""The error of stepping, measured against the exact solution, beside what bounds it (EQUATIONS B.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bats_dt.theory.response import largest_derivative, propagate, states_after, trajectory
from bats_dt.theory.scheme import Stepped
from bats_dt.theory.truncation import lipschitz_published, published_bound, uniform_bound


@dataclass(frozen=True)
class Comparison:
    """A stepped neuron and the continuous one under the same spikes, from rest.

    stepped: the neuron. at: (n + 1,) the times 0, dt, ... [s]. exact, found: states (2, n + 1) at these times.
    moved: (n_in,) how much earlier each spike came to act than it was [s], 0 on the grid.
    bound: of |u error| at all times, see `truncation.uniform_bound`; where spikes are moved by d seconds, the error of
        that too, sum |w| d max |h'| with max |h'| = R/(tau_mem tau_syn).
    published: (n + 1,), the thesis's bound at these times, with its L and M the largest |u''| between spikes.
    """

    stepped: Stepped
    at: np.ndarray
    exact: np.ndarray
    found: np.ndarray
    moved: np.ndarray
    bound: float
    published: np.ndarray

    @cached_property
    def error(self) -> np.ndarray:
        """u[n] - u(n dt), (n + 1,)."""
        return np.asarray(self.found[0] - self.exact[0])

    @property
    def largest(self) -> float:
        """The largest |error|."""
        return float(np.abs(self.error).max())


def compare(stepped: Stepped, times: Any, weights: Any, end: float) -> Comparison:
    """Run both neurons up to ``end`` [s].

    times, weights: of the input spikes, (n_in,), times from 0 on and sorted [s]. One between two grid points acts from
        the first of them on, as in a layer.

    Raises
    ------
    ValueError: times that are not sorted or before 0, or as many weights; a response to spikes of a pulse drive, whose
    size is not that of the continuous neuron; less than a step up to ``end``.
    """
    times, weights = np.asarray(times, np.float64), np.asarray(weights, np.float64)
    if times.ndim != 1 or times.shape != weights.shape:
        raise ValueError(
            f"times have shape {times.shape} and weights {weights.shape}: pass one weight a spike, (n,) each"
        )
    if len(times) and (times[0] < 0 or (np.diff(times) < 0).any()):
        raise ValueError("times of spikes must be sorted and not before 0 s: pass np.sort of them")
    if stepped.drive != "impulse":
        raise ValueError(
            "drive is 'pulse', whose response to a spike shrinks with dt and has no continuous counterpart: compare "
            "with drive='impulse'"
        )
    lif, dt, n_steps = stepped.lif, stepped.dt, stepped.n_steps(end)
    if n_steps < 1:
        raise ValueError(f"end is {end:g} s, before the first step of dt = {dt:g} s ends: pass a later end")
    steps = stepped.step_of(times, n_steps)
    heard = steps < n_steps
    times, weights, steps = times[heard], weights[heard], steps[heard]
    at, on_grid = dt * np.arange(n_steps + 1), dt * steps
    found = stepped.run(np.bincount(steps, weights, n_steps))
    moved = times - on_grid
    moved[np.abs(moved) <= 1e-9 * dt] = 0.0  # steps_of, too, takes a time within rounding of the grid to be on it
    exact_times = np.where(moved == 0, on_grid, times)
    rounding = np.abs(weights * moved).sum() * lif.resistance / (lif.tau_mem * lif.tau_syn)
    curvature = largest_derivative(lif, 2, on_grid, weights, end)[0]
    return Comparison(
        stepped,
        at,
        trajectory(lif, exact_times, weights, at),
        found,
        moved,
        uniform_bound(stepped, on_grid, weights, end) + float(rounding),
        published_bound(curvature, lipschitz_published(lif), dt, at),
    )


def local_error(stepped: Stepped, times: Any, weights: Any, end: float) -> np.ndarray:
    """The largest |u| and |i|, (2,), that a step misses from an exact state right after a spike, or dt later, ...

    ``times`` on the grid; steps which contain no further spike.
    """
    p, q, _, b, _ = stepped.coefficients
    lif, dt = stepped.lif, stepped.dt
    starts = states_after(lif, np.asarray(times, np.float64), np.asarray(weights, np.float64))
    until = np.diff(times, append=end)
    missed = np.zeros(2)
    for start, length in zip(starts.T, until, strict=True):
        u, i = propagate(lif, start[:, None], dt * np.arange(math.floor(length / dt + 1e-9) + 1))
        step = np.stack([q * u + b * i, p * i])[:, :-1] - np.stack([u, i])[:, 1:]
        missed = np.maximum(missed, np.abs(step).max(axis=1, initial=0.0))
    return missed


def order(steps: Any, errors: Any) -> float:
    """The slope of log(errors) against log(steps), by least squares: the measured order of convergence."""
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])
