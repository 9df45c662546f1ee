"""The density of a population in time: the Fokker-Planck equation on a grid (EQUATIONS B.3).

    dp/dt = d/du[((u - R i)/tau_mem) p] + d/di[(i/tau_syn) p] + lambda [p(t, u, i - w/tau_syn) - p(t, u, i)]

Steps are split symmetrically (Strang): half of the arrivals, half of the current's decay, the potential's drift, and
the halves again in the reverse order. Each part is solved exactly in time, the two flows by conservative transport
along characteristics, the arrivals by the exponential of their generator; the splitting is of second order in dt.
Means have no other error than the splitting's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import expm

from bats_dt.theory.lif import LIF
from bats_dt.theory.population import arrivals
from bats_dt.theory.population.grid import Grid, grid_for
from bats_dt.theory.population.moments import stationary_moments
from bats_dt.theory.population.transport import below, carried, departures

_GENERATORS = {"jumps": arrivals.jumps, "diffusion": arrivals.diffusion}
_STEPS = 10  # a time constant, by default
_RELAXED = 1e-4  # probability that 2 of the longer time constant still move


@dataclass(frozen=True)
class Density:
    """A population at one time.

    grid: its cells. mass: their probabilities (n_i, n_u). time: [s].
    rates: (n_steps,), spikes a second and neuron in each step so far; zeros without a threshold.
    """

    grid: Grid
    mass: np.ndarray
    time: float
    rates: np.ndarray


def evolve(
    lif: LIF,
    grid: Grid,
    mass: np.ndarray,
    rate: float | Callable[[float], float],
    weight: float,
    duration: float,
    *,
    dt: float | None = None,
    noise: str = "jumps",
    threshold: float | None = None,
    v_reset: float = 0.0,
) -> Density:
    """The density ``duration`` seconds after ``mass`` (n_i, n_u).

    rate: lambda [1/s], of all inputs of a neuron, or a function of the time [s]. weight: w, of either sign.
    dt: the step [s], shortened so that a whole number fits; None for a tenth of the shorter time constant.
    noise: "jumps", or "diffusion" for their diffusion approximation.
    threshold: where given, what reaches it is put to ``v_reset``; the grid's potential must end there.

    Raises
    ------
    ValueError: another noise; a duration or step that is not above 0; v_reset at or above the threshold or outside the
    grid; a grid whose cells do not fit the jumps or which does not end at the threshold.
    """
    _check(lif, grid, weight, noise, threshold, v_reset)
    dt = min(lif.tau_mem, lif.tau_syn) / _STEPS if dt is None else dt
    if not (dt > 0 and duration > 0 and math.isfinite(duration)):
        raise ValueError(f"duration is {duration} s with dt = {dt} s: pass finite times above 0")
    n_steps = math.ceil(duration / dt * (1 - 1e-12))
    dt = duration / n_steps
    generator = _GENERATORS[noise](grid, weight / lif.tau_syn).toarray()
    at_u = departures(grid.u_edges, lif.resistance * grid.i, dt / lif.tau_mem)
    after = lif.resistance * grid.i + (v_reset - lif.resistance * grid.i) * math.exp(-dt / lif.tau_mem)
    rates, known, half, at_i = np.zeros(n_steps), math.nan, sparse.csr_matrix(generator), grid.i_edges[None]
    for step in range(n_steps):
        now = rate((step + 0.5) * dt) if callable(rate) else rate
        if now != known:
            known, half = now, _without_dust(expm(generator * now * dt / 2))
            towards = now * weight if noise == "diffusion" else 0.0
            at_i = departures(grid.i_edges, np.array([towards]), dt / (2 * lif.tau_syn))
        mass = carried((half @ mass).T, grid.i_edges, at_i).T
        if threshold is None:
            mass = carried(mass, grid.u_edges, at_u)
        else:
            mass, fired = _fired(mass, grid, at_u, after, v_reset)
            rates[step] = fired / dt
        mass = half @ carried(mass.T, grid.i_edges, at_i).T
    return Density(grid, mass, duration, rates)


def stationary(lif: LIF, rate: float, weight: float, *, noise: str = "jumps", grid: Grid | None = None) -> Density:
    """The density that no longer changes, without a threshold.

    From the normal distribution of its moments on, until 2 of the longer time constant move less than 1e-4 of the
    probability, after which they would move less than a seventh of that, and so on; 20 of them at most.
    """
    grid = grid_for(lif, rate, weight, noise=noise) if grid is None else grid
    mass, time = grid.gaussian(stationary_moments(lif, rate, weight)), 0.0
    rates = [np.zeros(0)]
    for _ in range(10):
        before = mass
        done = evolve(lif, grid, mass, rate, weight, 2 * max(lif.tau_mem, lif.tau_syn), noise=noise)
        mass, time = done.mass, time + done.time
        rates.append(done.rates)
        if np.abs(mass - before).sum() / 2 < _RELAXED:
            break
    return Density(grid, mass, time, np.concatenate(rates))


def _without_dust(probability: np.ndarray) -> sparse.csr_matrix:
    """Without those below 1e-18, which leaves a band: the sums that must be 1 are so to less than rounding."""
    return sparse.csr_matrix(np.where(probability < 1e-18, 0.0, probability))


def _fired(
    mass: np.ndarray, grid: Grid, at_u: np.ndarray, after: np.ndarray, v_reset: float
) -> tuple[np.ndarray, float]:
    """The cells after the drift of u and the reset, and the probability that reached the threshold, the last edge.

    Spikes fall anywhere in the step: those that fell are spread from v_reset to ``after`` (n_i,), where the drift of a
    whole step takes it, or over a cell where that is less.
    """
    edges = grid.u_edges
    reached = below(mass, edges, at_u)
    reached[:, 0] = 0.0
    fired = mass.sum(axis=1) - reached[:, -1]
    length = np.maximum(after - v_reset, edges[1] - edges[0])
    reached += fired[:, None] * np.clip((edges - v_reset) / length[:, None], 0.0, 1.0)
    reached[:, -1] = mass.sum(axis=1)
    return np.diff(reached, axis=1), float(fired.sum())


def _check(lif: LIF, grid: Grid, weight: float, noise: str, threshold: float | None, v_reset: float) -> None:
    if noise not in _GENERATORS:
        raise ValueError(f"noise is {noise!r}: pass 'jumps' or 'diffusion'")
    cells = abs(weight) / lif.tau_syn / (grid.i_edges[1] - grid.i_edges[0])
    if noise == "jumps" and (round(cells) < 1 or abs(cells - round(cells)) > 1e-6 * cells):
        raise ValueError(
            f"a jump of w/tau_syn = {weight / lif.tau_syn:g} is {cells:g} cells along i: it must be a whole number of "
            "them, above 0; make the grid with grid_for"
        )
    if threshold is None:
        return
    if not v_reset < threshold:
        raise ValueError(f"v_reset is {v_reset} with a threshold of {threshold}: pass a v_reset below the threshold")
    low, high = grid.u_edges[[0, -1]]
    if not (math.isclose(high, threshold) and low <= v_reset):
        raise ValueError(
            f"the grid's potential goes from {low:g} to {high:g}, the threshold is {threshold:g} and v_reset "
            f"{v_reset:g}: it must end at the threshold and hold v_reset; make it with grid_for(..., "
            "threshold=..., v_reset=...)"
        )
