from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from bats_dt.neuron import Neuron
from bats_dt.theory import LIF, impulse_response, largest_derivative, propagate, trajectory, turning_time

NEURONS = [LIF(0.8, 0.6, 1.2), LIF(0.5, 0.5, 2.0), LIF(0.1, 0.5, 2.0), LIF(0.3, 0.3 * (1 + 1e-9))]
TIMES, WEIGHTS = np.array([0.0, 0.1, 0.35, 0.36, 1.2]), np.array([1.0, -0.4, 2.0, 0.3, -1.0])


@pytest.mark.parametrize("lif", NEURONS)
def test_the_response_is_that_of_the_event_driven_neuron(lif):
    neuron = Neuron(lif.tau_syn, 1.0, 1.0, lif.tau_mem)
    since = np.linspace(0, 5, 11)
    expected = [lif.resistance / (lif.tau_mem * lif.tau_syn) * neuron.response(t) for t in since]
    np.testing.assert_allclose(impulse_response(lif, since), expected, rtol=1e-13)
    assert impulse_response(lif, -0.1) == 0


@pytest.mark.parametrize("apart", [1e-3, 1e-8, 1e-15, 0.0, -1e-8])
def test_nearly_equal_time_constants_lose_no_digits(apart):
    lif = LIF(0.2 * (1 + apart), 0.2)
    with localcontext() as context:
        context.prec = 60
        tau_m, tau_s, t = (Decimal(value) for value in (lif.tau_mem, lif.tau_syn, 0.37))
        if tau_m == tau_s:
            exact = t / tau_m**2 * (-t / tau_m).exp()
        else:
            exact = ((-t / tau_m).exp() - (-t / tau_s).exp()) / (tau_m - tau_s)
    assert float(impulse_response(lif, 0.37)) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("lif", NEURONS)
def test_the_trajectory_solves_the_differential_equation(lif):
    state, before = np.zeros(2), 0.0
    for time, weight in zip(TIMES, WEIGHTS, strict=True):
        if time > before:
            state = solve_ivp(lambda _, x: lif.matrix @ x, (before, time), state, rtol=1e-11, atol=1e-13).y[:, -1]
        state, before = state + np.array([0, weight / lif.tau_syn]), time
    np.testing.assert_allclose(trajectory(lif, TIMES, WEIGHTS, [TIMES[-1]])[:, 0], state, atol=1e-9)  # the solver's
    superposed = sum(w * impulse_response(lif, 2.0 - t) for t, w in zip(TIMES, WEIGHTS, strict=True))
    assert trajectory(lif, TIMES, WEIGHTS, [2.0])[0, 0] == pytest.approx(superposed, rel=1e-12)


def test_no_spikes_leave_the_neuron_at_rest():
    assert not trajectory(NEURONS[0], [], [], [0.0, 1.0]).any()
    assert not largest_derivative(NEURONS[0], 2, [], [], 1.0).any()


@pytest.mark.parametrize("lif", NEURONS)
def test_the_transfer_function_is_the_spectrum_of_the_response(lif):
    """|H(j Omega)| by quadrature of the response, whose tolerance it has."""
    for omega in (0.5, 4.0):
        real, imaginary = (
            quad(lambda t, f=f, o=omega: float(impulse_response(lif, t)) * f(o * t), 0, 30, limit=400)[0]
            for f in (np.cos, np.sin)
        )
        assert real - 1j * imaginary == pytest.approx(complex(lif.frequency_response(omega)), abs=1e-7)


@pytest.mark.parametrize("lif", NEURONS)
def test_the_potential_turns_where_its_derivative_is_0(lif):
    state = np.array([[0.0, 0.4, -1.0, 1.0], [1.0, 1.0, 3.0, -0.1]])
    turning = turning_time(lif, state)
    slope = (lif.matrix @ propagate(lif, state, turning))[0]
    later = np.isfinite(turning)
    np.testing.assert_allclose(slope[later], 0, atol=1e-12)
    assert later[0] and (turning[later] > 0).all()
    flat = propagate(lif, (1.0, 0.0), 0.1)
    assert np.isnan(turning_time(lif, flat))  # without current it decays and never turns


@pytest.mark.parametrize("lif", NEURONS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_largest_derivatives_are_found_between_all_spikes(lif, order):
    found = largest_derivative(lif, order, TIMES, WEIGHTS, 3.0)
    power = np.linalg.matrix_power(lif.matrix, order)
    looked_at = np.linspace(0, 3, 200001, endpoint=False)
    looked_at = np.union1d(looked_at, TIMES)
    looked = np.abs(power @ trajectory(lif, TIMES, WEIGHTS, looked_at)).max(axis=1)
    assert (looked <= found * (1 + 1e-12)).all()
    np.testing.assert_allclose(looked, found, rtol=1e-3)  # looked at every 15 us
