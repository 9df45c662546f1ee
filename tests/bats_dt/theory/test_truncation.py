import math

import numpy as np
import pytest

from bats_dt.discretization import SCHEMES
from bats_dt.theory import (
    LIF,
    Stepped,
    compare,
    leading_error,
    lipschitz,
    lipschitz_published,
    local_bound,
    local_error,
    order,
    propagate,
    published_bound,
    uniform_bound,
)

NEURONS = [LIF(0.8, 0.6, 1.2), LIF(0.5, 0.5, 2.0), LIF(0.1, 0.5, 2.0)]
STEPS = 0.04 / 2.0 ** np.arange(5)


@pytest.fixture
def train():
    """Spikes on the grids of all steps."""
    rng = np.random.default_rng(1)
    return np.sort(rng.choice(40, 12, replace=False)) * 0.08, rng.normal(size=12)


@pytest.mark.parametrize("lif", NEURONS)
@pytest.mark.parametrize(("scheme", "expected"), [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2)])
def test_the_measured_order_is_that_of_the_scheme(lif, scheme, expected, train):
    """0.1: the error is c dt (1 + O(dt/tau)) with tau = 0.1 s and dt from 0.0025 to 0.04 s."""
    errors = [compare(Stepped(lif, dt, scheme), *train, 4.0).largest for dt in STEPS]
    assert order(STEPS, errors) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("lif", NEURONS)
def test_the_exponential_scheme_is_exact_for_spikes_on_the_grid(lif, train):
    for dt in STEPS:
        found = compare(Stepped(lif, dt, "exponential"), *train, 4.0)
        assert found.largest < 1e-12  # roundings of 1600 steps
        assert found.bound == 0 and not found.moved.any()


@pytest.mark.parametrize("lif", NEURONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_uniform_bound_holds_and_is_of_the_errors_size(lif, scheme, train):
    for dt in STEPS:
        found = compare(Stepped(lif, dt, scheme), *train, 4.0)
        assert found.largest <= found.bound + 1e-12
        assert found.bound <= 7 * found.largest + 1e-12


def test_the_uniform_bound_is_none_where_a_decay_alternates():
    assert uniform_bound(Stepped(NEURONS[0], 0.61, "forward_euler"), [0.0], [1.0], 6.0) == math.inf
    assert uniform_bound(Stepped(NEURONS[0], 0.61, "backward_euler"), [0.0], [1.0], 6.0) < math.inf


@pytest.mark.parametrize("lif", NEURONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_leading_term_is_what_the_error_is_as_dt_vanishes(lif, scheme, train):
    found = compare(Stepped(lif, 1e-4, scheme), *train, 4.0)
    rest = np.abs(leading_error(found.stepped, *train, found.at) - found.error).max()
    assert rest <= 6e-3 * found.largest + 1e-12  # the next order: a few dt/tau, tau = 0.1 s


@pytest.mark.parametrize("lif", NEURONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_step_misses_no_more_than_the_local_bound(lif, scheme, train):
    stepped = Stepped(lif, 0.01, scheme)
    found, bound = local_error(stepped, *train, 4.0), local_bound(stepped, *train, 4.0)
    assert (found <= bound + 1e-14).all()
    assert (found >= 0.9 * bound - 1e-14).all()  # attained right after a spike, to first order


def test_local_errors_are_an_order_above_global_ones(train):
    for scheme, expected in (("forward_euler", 2), ("backward_euler", 2), ("bilinear", 3)):
        errors = [local_error(Stepped(NEURONS[0], dt, scheme), *train, 4.0)[0] for dt in STEPS]
        assert order(STEPS, errors) == pytest.approx(expected, abs=0.1)


def test_a_spike_between_grid_points_acts_early_and_the_bound_knows():
    for scheme in SCHEMES:
        found = compare(Stepped(NEURONS[0], 0.05, scheme), [0.049, 0.2, 0.33], [1.0, 1.0, -2.0], 4.0)
        np.testing.assert_allclose(found.moved, [0.049, 0, 0.03], atol=1e-12)
        assert 1e-3 < found.largest <= found.bound


@pytest.mark.parametrize("ratio", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("resistance", [0.01, 1.0, 50.0])
def test_the_published_lipschitz_constant_bounds_the_smallest_one(ratio, resistance):
    lif = LIF(0.2, 0.2 * ratio, resistance)
    assert lipschitz(lif) <= lipschitz_published(lif) <= 1.5 * lipschitz(lif)
    rng = np.random.default_rng(0)
    apart = rng.normal(size=(2, 1000))
    stretch = np.linalg.norm(lif.matrix @ apart, axis=0) / np.linalg.norm(apart, axis=0)
    assert stretch.max() == pytest.approx(lipschitz(lif), rel=1e-3)


def test_the_published_bound_worked_by_hand():
    assert published_bound(3.0, 2.0, 0.1, 0.5) == pytest.approx(3 * 0.1 / 4 * (math.e - 1))
    assert published_bound(3.0, 2.0, 0.1, 1e6) == math.inf


def test_the_published_bound_leaves_out_that_forward_euler_is_late():
    found = compare(Stepped(NEURONS[0], 0.01, "forward_euler"), [0.0], [1.0], 0.5)
    assert abs(found.error[1]) > 50 * found.published[1]
    assert (np.abs(found.error) <= found.bound).all()


def test_the_published_bound_needs_the_curvature_of_the_current_too():
    """One step of backward Euler from a state with u'' ~ 0: nearly twice what M = max |u''| allows."""
    lif, dt, start = LIF(1.79, 1.06, 0.849), 0.07, np.array([-0.8174, -0.3657])
    stepped = Stepped(lif, dt)
    _, q, _, b, _ = stepped.coefficients
    exact = propagate(lif, start[:, None], np.linspace(0, dt, 101))
    curvatures = np.linalg.matrix_power(lif.matrix, 2) @ exact
    error = abs(q * start[0] + b * start[1] - exact[0, -1])
    assert error > 1.9 * published_bound(np.abs(curvatures[0]).max(), lipschitz_published(lif), dt, dt)
    whole = np.linalg.norm(curvatures, axis=0).max()
    assert error < published_bound(whole, lipschitz_published(lif), dt, dt)


@pytest.mark.parametrize(
    ("stepped", "times", "weights", "end", "sentence"),
    [
        (
            Stepped(NEURONS[0], 0.1),
            [0.1, 0.2],
            [1.0],
            1.0,
            r"times have shape \(2,\) and weights \(1,\): pass one weight",
        ),
        (Stepped(NEURONS[0], 0.1), [0.2, 0.1], [1.0, 1.0], 1.0, "times of spikes must be sorted and not before 0 s"),
        (Stepped(NEURONS[0], 0.1, drive="pulse"), [0.2], [1.0], 1.0, "drive is 'pulse', whose response to a spike"),
        (Stepped(NEURONS[0], 0.1), [0.0], [1.0], 0.05, "end is 0.05 s, before the first step of dt = 0.1 s ends"),
    ],
)
def test_what_cannot_be_compared_is_refused(stepped, times, weights, end, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare(stepped, times, weights, end)
