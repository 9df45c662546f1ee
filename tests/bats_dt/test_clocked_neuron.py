import math

import numpy as np
import pytest

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.discretization import SCHEMES
from bats_dt.neuron import Neuron


def neuron_with(**given):
    return ClockedNeuron(**{"dt": 0.5, "tau_syn": 1.0, "tau_mem": 2.0, "threshold": 1.0, "resistance": 3.0, **given})


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("forward_euler", (1 / 2, 3 / 4, 1, 3 / 4, 0)),
        ("backward_euler", (2 / 3, 4 / 5, 2 / 3, 2 / 5, 2 / 5)),  # 4/5 * 3/4 * 2/3
        ("bilinear", (3 / 5, 7 / 9, 3 / 5, 8 / 15, 8 / 15)),  # (0.5 * 3) / (4 + 0.5) * (1 + 3/5)
    ],
)
def test_the_coefficients_are_those_worked_by_hand(scheme, expected):
    np.testing.assert_allclose(neuron_with(scheme=scheme).coefficients(), expected, rtol=1e-14)


def test_the_exponential_scheme_has_the_response_of_the_event_driven_neuron():
    found = neuron_with(scheme="exponential").coefficients()
    response = 3 / 2 * Neuron(1.0, 1.0, 1.0, 2.0).response(0.5)
    expected = math.exp(-0.5), math.exp(-0.25), math.exp(-0.5), response, response
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_constant_drive_settles_at_its_steady_state(scheme):
    """Impulses of charge dt a step are s = 1: i goes to 1 and u to R, for forward and backward Euler exactly."""
    step = neuron_with(scheme=scheme, dt=0.01, drive="pulse").coefficients()
    i = step.x_to_i / (1 - step.keep_i)
    u = (step.i_to_u * i + step.x_to_u) / (1 - step.keep_u)
    tolerance = 1e-12 if scheme.endswith("euler") else 6e-3  # the others see a spike at the beginning of its step
    assert i == pytest.approx(1, rel=tolerance)
    assert u == pytest.approx(3, rel=tolerance)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("estimator", ["continuous", "discrete"])
def test_the_sums_of_the_backward_pass_are_the_response_of_the_forward_pass(scheme, estimator):
    """dU[m]/dx of step 0, by the recursion of the adjoint and by running the steps: equal for the scheme's own decays,
    and for the continuous ones as dt -> 0."""
    neuron = neuron_with(scheme=scheme, dt=0.5 if estimator == "discrete" else 1e-3, estimator=estimator)
    step, adjoint, q = neuron.coefficients(), neuron.adjoint(), neuron.coefficients().keep_u
    i, u, steps = step.x_to_i, step.x_to_u, 8
    for _ in range(steps):
        i, u = step.keep_i * i, step.keep_u * u + step.i_to_u * i
    total = 0.0
    for m in range(steps, adjoint.lag - 1, -1):  # S of dL/dU = q^(steps - m)
        total = adjoint.keep * total + adjoint.gain * q ** (steps - m)
    assert total == pytest.approx(u, rel=1e-12 if estimator == "discrete" else 2e-3)


def test_the_default_clamp_is_the_bound_of_the_event_driven_layers():
    assert neuron_with().clamp == pytest.approx(2000.0)
    assert neuron_with(clamp=5).clamp == 5.0


def test_a_charge_is_one_or_dt():
    assert neuron_with(tau_syn=0.25).charge == 4.0
    assert neuron_with(tau_syn=0.25, drive="pulse").charge == 2.0


def test_steps_are_counted_to_the_end_and_one_within_rounding_of_it_is_included():
    neuron = neuron_with(dt=0.1)
    assert [neuron.n_steps(end) for end in (0.3, 0.1 * 3, 0.29, 0.31, 0.05)] == [3, 3, 2, 3, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_times_on_the_grid_are_at_the_beginning_of_their_step(dtype):
    neuron, numbers = neuron_with(dt=1e-3), np.arange(3000)
    on_grid = (numbers * 1e-3).astype(dtype)
    np.testing.assert_array_equal(neuron.steps_of(on_grid, 2500), np.minimum(numbers, 2500))
    np.testing.assert_array_equal(neuron.steps_of(on_grid + dtype(0.9e-3), 2500), np.minimum(numbers, 2500))


def test_the_unit_of_a_refused_argument_is_told():
    with pytest.raises(
        ValueError, match=r"tau_s is -1\.0 s: a time constant must be finite and above 0; pass for exam"
    ):
        neuron_with(tau_syn=-1.0)
