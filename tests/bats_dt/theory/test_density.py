import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from bats_dt.theory import LIF
from bats_dt.theory.population import (
    evolve,
    grid_for,
    moments_at,
    sample_rates,
    sample_states,
    stationary,
    stationary_moments,
)

NEURON, RATE, WEIGHT = LIF(0.8, 0.6, 1.2), 30.0, 0.1
SMALL = {"fineness": 5.0, "width": 6.0}  # where the tests need no accuracy


@pytest.fixture(scope="module")
def settled():
    """The stationary density of the thesis's neuron under jumps."""
    return stationary(NEURON, RATE, WEIGHT, grid=grid_for(NEURON, RATE, WEIGHT, fineness=8))


def assert_moments(found, expected, within):
    np.testing.assert_allclose(found.mean, expected.mean, rtol=within)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=within)


def test_the_stationary_moments_are_those_of_the_formulas(settled):
    assert_moments(settled.grid.moments(settled.mass), stationary_moments(NEURON, RATE, WEIGHT), 0.01)


def test_probability_is_conserved_and_never_negative(settled):
    assert settled.mass.sum() == pytest.approx(1, abs=1e-10)
    assert settled.mass.min() >= 0
    assert not settled.rates.any()


@pytest.fixture(scope="module")
def neurons():
    """10,000 neurons after nine time constants: their mean is settled to a tenth of its sampling error."""
    return sample_states(NEURON, RATE, WEIGHT, 9 * NEURON.tau_mem, 10000, seed=1)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_density_is_the_histogram_of_simulated_neurons_within_sampling_error(settled, neurons, axis):
    """Chi-square over 30 classes of about equal probability: with 10,000 neurons a class has a sampling error of 5 %.

    A density that is right within much less passes 99 of 100 seeds at this level; the seed is fixed.
    """
    assert chi_square(settled, neurons, axis) > 0.01


def test_the_chi_square_test_would_see_the_diffusion_approximation(settled, neurons):
    """Its moments are the same, but jumps at lambda tau_syn = 18 leave a skewed density and it a normal one."""
    normal = settled.grid.gaussian(stationary_moments(NEURON, RATE, WEIGHT))
    assert chi_square(dataclasses.replace(settled, mass=normal), neurons, 1) < 1e-3


def chi_square(density, states, axis):
    """p-value of the neurons' u (axis 0) or i (axis 1) under the density."""
    marginal, edges = density.mass.sum(axis=axis), (density.grid.u_edges, density.grid.i_edges)[axis]
    classes = np.minimum((30 * (np.cumsum(marginal) - marginal / 2)).astype(int), 29)
    found = np.bincount(classes, np.histogram(states[axis], edges)[0], 30)
    expected = np.bincount(classes, marginal, 30) * states.shape[1]
    filled = expected > 0
    missing = states.shape[1] - found.sum()  # beyond the edges
    return stats.chi2.sf(((found - expected)[filled] ** 2 / expected[filled]).sum() + missing, filled.sum() - 1)


@pytest.mark.parametrize(
    ("lif", "jumps"),
    [
        (LIF(0.02, 0.005, 1.2), 0.1),  # the least rate
        (LIF(0.005, 0.02, 1.2), 0.3),
        (LIF(0.005, 0.02, 1.2), 1.0),  # a current that hardly moves in a step, as means went astray by 2 %
    ],
)
def test_the_moments_hold_for_few_jumps_within_the_time_constant(lif, jumps):
    """Most neurons are then near rest: the moments are those of the formulas, the density is anything but normal."""
    rate = jumps / lif.tau_syn
    grid = grid_for(lif, rate, -1.0, fineness=8.0)
    found = evolve(
        lif, grid, grid.gaussian(stationary_moments(lif, rate, -1.0)), rate, -1.0, 6 * max(lif.tau_mem, lif.tau_syn)
    )
    assert_moments(grid.moments(found.mass), stationary_moments(lif, rate, -1.0), 0.01)


def test_neurons_at_rest_are_at_the_centre_of_a_cell():
    for weight in (WEIGHT, -WEIGHT):
        grid = grid_for(NEURON, 0.5, weight)
        for centres in (grid.u, grid.i):
            assert np.abs(centres).min() == pytest.approx(0, abs=1e-12)


def test_cells_are_finer_where_the_potential_follows_the_current():
    """Of a known i, u has a tenth of its deviation left; with a cell for that, the variances were 6 % too small."""
    lif = LIF(0.005, 0.495)
    grid = grid_for(lif, 100.0, 1.0)
    deviations = np.sqrt(np.diag(stationary_moments(lif, 100.0, 1.0).covariance))
    assert np.diff(grid.u_edges)[0] <= deviations[0] / 30
    assert np.diff(grid.i_edges)[0] <= deviations[1] / 30


def test_the_diffusion_approximation_settles_at_the_normal_distribution():
    """Which solves it exactly: the same moments, and the cells within the splitting's and the transport's error."""
    expected, grid = (
        stationary_moments(NEURON, RATE, WEIGHT),
        grid_for(NEURON, RATE, WEIGHT, noise="diffusion", fineness=7),
    )
    found = stationary(NEURON, RATE, WEIGHT, noise="diffusion", grid=grid)
    assert_moments(found.grid.moments(found.mass), expected, 0.01)
    assert abs(found.mass - found.grid.gaussian(expected)).sum() / 2 < 0.01


@pytest.mark.parametrize("noise", ["jumps", "diffusion"])
@pytest.mark.parametrize("weight", [0.1, -0.1])
def test_from_rest_the_moments_follow_their_equations(noise, weight):
    """1 %, and of the covariance 3 %: at rest all neurons are in one cell, whose width they keep for a while."""
    grid = grid_for(NEURON, RATE, weight, noise=noise, from_rest=True)
    found = evolve(NEURON, grid, grid.at_rest(), RATE, weight, 1.0, noise=noise)
    moments, expected = grid.moments(found.mass), moments_at(NEURON, RATE, weight, 1.0)
    np.testing.assert_allclose(moments.mean, expected.mean, rtol=0.02)
    np.testing.assert_allclose(moments.covariance, expected.covariance, rtol=0.03)
    assert found.mass.sum() == pytest.approx(1, abs=1e-10)


def test_a_rate_may_change_in_time():
    """lambda(t) = 30 (1 + sin 3t): E[i] solves tau_syn di/dt = -i + lambda w, here by the resolvent of 3j."""
    grid = grid_for(NEURON, 45.0, WEIGHT, from_rest=True, **SMALL)
    start = grid.gaussian(stationary_moments(NEURON, RATE, WEIGHT))
    found = evolve(NEURON, grid, start, lambda t: 30 * (1 + np.sin(3 * t)), WEIGHT, 1.5, dt=0.15)
    swing = 1 / (1 + 3j * 0.6)
    transient = (grid.moments(start).mean[1] / 3 - 1 - swing.imag) * np.exp(-1.5 / 0.6)
    expected = 3 * (1 + (swing * np.exp(4.5j)).imag + transient)
    assert grid.moments(found.mass).mean[1] == pytest.approx(expected, rel=0.01)


def test_halving_the_step_changes_little():
    grid = grid_for(NEURON, RATE, WEIGHT, **SMALL)
    start = grid.at_rest()
    coarse, fine = (evolve(NEURON, grid, start, RATE, WEIGHT, 1.2, dt=dt) for dt in (0.06, 0.03))
    assert abs(coarse.mass - fine.mass).sum() / 2 < 0.03


def test_the_population_fires_as_simulated_neurons_do():
    """Within 3 %: spikes are told to steps of 0.1 ms on one side, and to cells of 1/10 deviation on the other."""
    lif, rate, weight = LIF(0.02, 0.005, 1.2), 1000.0, 0.0012
    grid = grid_for(lif, rate, weight, threshold=1.0, from_rest=True, fineness=8.0)
    found = evolve(lif, grid, grid.at_rest(), rate, weight, 0.1, threshold=1.0)
    simulated = sample_rates(lif, rate, weight, 0.1, 4000, 0, dt=1e-4, threshold=1.0)
    assert found.mass.sum() == pytest.approx(1, abs=1e-10)
    assert found.rates[len(found.rates) // 2 :].mean() == pytest.approx(simulated[500:].mean(), rel=0.03)
    assert found.rates[0] == 0


def test_without_threshold_in_reach_a_population_is_silent():
    grid = grid_for(NEURON, RATE, WEIGHT, threshold=30.0, from_rest=True, **SMALL)
    assert evolve(NEURON, grid, grid.at_rest(), RATE, WEIGHT, 0.2, threshold=30.0).rates.sum() < 1e-12


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rate": 0.0}, r"rate is 0\.0 1/s: input spikes must arrive at a finite rate above 0; pass for example 100"),
        ({"weight": 0.0}, r"weight is 0\.0: it must be finite and not 0, or nothing arrives"),
        ({"rate": 1e6}, "the density needs .* cells, 1000 are the most along an axis: 1e.06 spikes a second"),
        ({"rate": 0.1}, "fewer than one input spike in ten tau_syn = 0.6 s: .* pass 0.166667 1/s or more"),
        ({"weight": 1e300}, "the spread of u or i is beyond the numbers"),
        ({"threshold": math.inf}, "the threshold is inf with v_reset = 0.0: pass finite potentials"),
        ({"threshold": 1.0, "v_reset": 2.0}, r"the threshold is 1\.0 with v_reset = 2\.0: pass one above v_reset"),
    ],
)
def test_a_grid_for_nothing_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        grid_for(NEURON, **{"rate": RATE, "weight": WEIGHT, **given})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"noise": "shot"}, "noise is 'shot': pass 'jumps' or 'diffusion'"),
        ({"weight": 0.123}, r"a jump of w/tau_syn = 0\.205 is .* cells along i: it must be a whole number of them"),
        ({"duration": 0.0}, r"duration is 0\.0 s with dt = 0\.06 s: pass finite times above 0"),
        ({"threshold": 1.0, "v_reset": 1.0}, r"v_reset is 1\.0 with a threshold of 1\.0: pass a v_reset below the thr"),
        ({"threshold": 1.0}, "the grid's potential goes from .* to .*, the threshold is 1 and v_reset 0: it must end"),
    ],
)
def test_what_cannot_evolve_is_refused(given, sentence):
    grid = grid_for(NEURON, RATE, WEIGHT, **SMALL)
    with pytest.raises(ValueError, match=sentence):
        evolve(NEURON, grid, grid.at_rest(), **{"rate": RATE, "weight": WEIGHT, "duration": 1.0, **given})
