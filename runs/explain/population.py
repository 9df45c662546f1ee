"""A population under Poisson input: its density, the formulas, and simulated neurons (EQUATIONS B.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from bats_dt.theory import LIF
from bats_dt.theory.population import (
    Density,
    Grid,
    Moments,
    evolve,
    grid_for,
    sample_rates,
    sample_states,
    stationary,
    stationary_moments,
)
from runs.explain.command import Inputs
from runs.explain.figures import COLOURS, EXPLAINED, dress
from runs.plot_style import INK

_SPIKES = 3_000_000  # that are drawn, at most
_NEURONS = 20_000
_BARS = 100  # of the figure
_RATIO = 100  # of the time constants, at most
_LONG = 10  # of the longer time constant: as good as settled


@dataclass(frozen=True)
class Population:
    """What is told of it.

    density: settled, or after 10 of the longer time constant from rest where there is a threshold. expected: moments by
    the formulas, without a threshold. states: of simulated neurons without a threshold, (2, n), else (2, 0).
    simulated: rates of simulated neurons, a step of `Density.rates` each; empty without a threshold.
    """

    lif: LIF
    inputs: Inputs
    density: Density
    expected: Moments
    states: np.ndarray
    simulated: np.ndarray


def grid_of(lif: LIF, inputs: Inputs) -> Grid:
    """The cells of its density, before anything is computed.

    Raises
    ------
    ValueError: a rate or weight of which there is no density; time constants that differ too much to wait for it.
    """
    shorter, longer = sorted((lif.tau_mem, lif.tau_syn))
    if longer > _RATIO * shorter:
        raise ValueError(
            f"tau_mem and tau_syn differ by a factor of {longer / shorter:.3g}: a population is followed in steps of "
            f"the shorter one for many of the longer one, which takes minutes beyond {_RATIO}; leave --population out"
        )
    if inputs.threshold is None:
        return grid_for(lif, inputs.rate, inputs.weight)
    return grid_for(lif, inputs.rate, inputs.weight, from_rest=True, threshold=inputs.threshold, v_reset=inputs.v_reset)


def solve(lif: LIF, inputs: Inputs, grid: Grid) -> Population:
    """The density on ``grid`` and as many simulated neurons as take a few seconds."""
    rate, weight, time = inputs.rate, inputs.weight, _LONG * max(lif.tau_mem, lif.tau_syn)
    expected = stationary_moments(lif, rate, weight)
    if inputs.threshold is None:
        density = stationary(lif, rate, weight, grid=grid)
        n_neurons = int(np.clip(_SPIKES / (rate * time), 100, _NEURONS))
        states = sample_states(lif, rate, weight, time, n_neurons, inputs.seed)
        return Population(lif, inputs, density, expected, states, np.zeros(0))
    given: Any = {"threshold": inputs.threshold, "v_reset": inputs.v_reset}
    density = evolve(lif, grid, grid.at_rest(), rate, weight, time, **given)
    finer = 10  # simulated spikes are told to the step only
    simulated = sample_rates(
        lif, rate, weight, time, 2000, inputs.seed, dt=time / (finer * len(density.rates)), **given
    )  # fmt: skip
    simulated = simulated[: finer * len(density.rates)].reshape(-1, finer).mean(axis=1)
    return Population(lif, inputs, density, expected, np.zeros((2, 0)), simulated)


def population_lines(population: Population) -> list[str]:
    """A heading and the moments, or the rate, by each way to them."""
    inputs, density = population.inputs, population.density
    lines = [f"population: {inputs.rate:g} input spikes a second of weight {inputs.weight:g}"]
    shape = f"{density.mass.shape[0]} x {density.mass.shape[1]} cells"
    if inputs.threshold is not None:
        settled = len(density.rates) // 2
        lines[0] += f", threshold {inputs.threshold:g}, v_reset {inputs.v_reset:g}"
        return [
            *lines,
            f"  rate by the density    {density.rates[settled:].mean():.4g} spikes a second and neuron ({shape})",
            f"  rate of simulated ones {population.simulated[settled:].mean():.4g} (2000 neurons)",
        ]
    of_density, states = density.grid.moments(density.mass), population.states
    simulated = Moments(states.mean(axis=1), np.cov(states))
    for name, moments in (
        ("formulas", population.expected),
        (f"density, {shape}", of_density),
        (f"{states.shape[1]} simulated neurons", simulated),
    ):
        (u, i), (sigma_u, sigma_i) = moments.mean, np.sqrt(np.diag(moments.covariance))
        correlation = moments.covariance[0, 1] / (sigma_u * sigma_i)
        lines.append(
            f"  {name:26s} u {u:.4g} +- {sigma_u:.4g}, i {i:.4g} +- {sigma_i:.4g}, correlation {correlation:.3f}"
        )
    return lines


def population_figure(population: Population) -> Figure:
    """The density with its marginals over histograms of simulated neurons or, with a threshold, the rate in time."""
    with matplotlib.rc_context(EXPLAINED):
        return _settled(population) if population.inputs.threshold is None else _firing(population)


def _settled(population: Population) -> Figure:
    grid, mass, states = population.density.grid, population.density.mass, population.states
    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    plane, of_u, of_i = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
    _draw_plane(plane, population)
    for axes, name, edges, marginal, sample in (
        (of_u, "u", grid.u_edges, mass.sum(axis=0), states[0]),
        (of_i, "i", grid.i_edges, mass.sum(axis=1), states[1]),
    ):
        coarse = edges[:: max(1, len(edges) // 40)]
        axes.hist(sample, coarse, density=True, color="#cbd2d9", label=f"{len(sample)} simulated")
        axes.stairs(marginal / np.diff(edges), edges, color=COLOURS["backward_euler"], lw=1.6, label="density")
        middle = (edges[1:] + edges[:-1]) / 2
        row = "ui".index(name)
        mean, variance = population.expected.mean[row], population.expected.covariance[row, row]
        normal = np.exp(-((middle - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        axes.plot(middle, normal, color=COLOURS["forward_euler"], lw=1.1, ls="--", label="diffusion approx.")
        dress(axes)
        axes.set_xlim(*_range(marginal, edges))
        axes.set_xlabel(name)
        axes.set_yticks([])
    of_u.set_title("potential", fontsize=10)
    of_i.set_title("current", fontsize=10)
    handles, labels = of_i.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=3, frameon=False, fontsize=8.5)
    return figure


def _firing(population: Population) -> Figure:
    density = population.density
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    plane, axes = figure.subplots(1, 2, width_ratios=(1, 1.5))
    _draw_plane(plane, population)
    plane.axvline(population.inputs.v_reset, color=COLOURS["forward_euler"], lw=1, ls=":")
    unit, size = ("ms", 1e-3) if density.time < 1 else ("s", 1.0)
    width = density.time / len(density.rates) / size
    at, together = (np.arange(len(density.rates)) + 0.5) * width, -(-len(density.rates) // _BARS)
    sums = np.add.reduceat(population.simulated, np.arange(0, len(at), together))
    counts = np.diff([*range(0, len(at), together), len(at)])
    edges = width * np.append(np.arange(0, len(at), together), len(at))
    axes.stairs(sums / counts, edges, fill=True, color="#cbd2d9", label="2000 simulated neurons")
    axes.plot(at, density.rates, color=COLOURS["backward_euler"], lw=1.8, label="density")
    dress(axes)
    axes.set_xlabel(f"time from rest [{unit}]")
    axes.set_ylabel("spikes a second and neuron")
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    axes.set_title("rate", fontsize=10)
    return figure


def _draw_plane(plane: matplotlib.axes.Axes, population: Population) -> None:
    grid, mass = population.density.grid, population.density.mass
    plane.pcolormesh(grid.u_edges, grid.i_edges, mass, cmap="Blues", rasterized=True, vmax=np.quantile(mass, 0.999))
    u = np.array(plane.get_xlim())
    plane.plot(u, u / population.lif.resistance, color=INK, lw=0.9, ls="--")
    plane.set_xlim(*_range(mass.sum(axis=0), grid.u_edges))
    plane.set_ylim(*_range(mass.sum(axis=1), grid.i_edges))
    plane.set_xlabel("u")
    plane.set_ylabel("i")
    plane.set_title("density  (dashed: u = R i)", fontsize=10)


def _range(marginal: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """All but 1/10000 at both ends."""
    below = np.cumsum(marginal)
    first, last = np.searchsorted(below, [1e-4, 1 - 1e-4])
    return float(edges[first]), float(edges[min(last + 1, len(edges) - 1)])
