import numpy as np
import pytest

from bats_dt.discretization import SCHEMES
from bats_dt.theory import (
    LIF,
    Stepped,
    amplitude_error,
    bilinear_map,
    order,
    phase_error,
    unwarped,
    warped,
)

NEURON = LIF(0.8, 0.6, 1.2)
OMEGA = np.array([0.3, 1.0, 4.0, 12.0])


def test_the_bilinear_map_puts_a_frequency_at_its_warped_angle():
    angle = warped(OMEGA, 0.1)
    np.testing.assert_allclose(bilinear_map(NEURON, 0.1, np.exp(1j * angle)), NEURON.frequency_response(OMEGA))
    np.testing.assert_allclose(unwarped(angle, 0.1), OMEGA, rtol=1e-12)
    assert warped(1e9, 0.1) == pytest.approx(np.pi)
    assert warped(0.01, 0.1) == pytest.approx(0.001, rel=1e-6)  # linear at low frequencies


def test_the_layers_bilinear_scheme_has_the_phase_of_the_map_and_larger_amplitudes():
    stepped = Stepped(NEURON, 0.1, "bilinear")
    mapped = bilinear_map(NEURON, 0.1, np.exp(0.1j * OMEGA))
    np.testing.assert_allclose(stepped.frequency_response(OMEGA), mapped / np.cos(0.05 * OMEGA) ** 2, rtol=1e-12)


def test_the_exponential_scheme_is_the_sampled_system_of_the_thesis():
    """[B12] written out, and the sum of the aliases of H that sampling makes."""
    dt, z = 0.1, np.exp(0.1j * OMEGA)
    p, q = np.exp(-dt / 0.6), np.exp(-dt / 0.8)
    printed = 1.2 * dt / (0.8 - 0.6) * (1 / (1 - q / z) - 1 / (1 - p / z))
    found = Stepped(NEURON, dt, "exponential").frequency_response(OMEGA)
    np.testing.assert_allclose(found, printed, rtol=1e-12)
    shifts = 2 * np.pi / dt * np.arange(-20000, 20001)
    aliases = NEURON.frequency_response(OMEGA[:, None] + shifts).sum(axis=1)
    np.testing.assert_allclose(found, aliases, atol=1e-6)  # the sum's end: R/(tau_mem tau_syn)/(20000 2pi/dt)^2 * 20000


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_constant_input_has_the_gain_of_the_neuron_for_the_euler_methods_and_bilinear(scheme):
    error = float(amplitude_error(Stepped(NEURON, 0.1, scheme), 0.0))
    assert error == pytest.approx(0, abs=2e-3 if scheme == "exponential" else 1e-12)  # its aliases: dt^2/(12 t_m t_s)


@pytest.mark.parametrize(
    ("scheme", "amplitude", "phase"),
    [("forward_euler", 1, 1), ("backward_euler", 1, 1), ("exponential", 2, 2), ("bilinear", 2, 2)],
)
def test_errors_at_a_frequency_vanish_with_their_order(scheme, amplitude, phase):
    """To first order Euler's methods move a pole: amplitudes in omega^2 dt, and phases in omega dt.

    The aliases in the exponential scheme's response are of the size of dt^2.
    """
    steps = 0.02 / 2.0 ** np.arange(4)
    stepped = [Stepped(NEURON, dt, scheme) for dt in steps]
    # 0.15: the orders are approached from coarser steps
    assert order(steps, [abs(amplitude_error(one, 2.0)) for one in stepped]) == pytest.approx(amplitude, abs=0.15)
    assert order(steps, [abs(phase_error(one, 2.0)) for one in stepped]) == pytest.approx(phase, abs=0.15)


def test_forward_euler_is_late_as_it_takes_a_spike_at_the_end_of_its_step():
    assert float(phase_error(Stepped(NEURON, 0.01, "forward_euler"), 1.0)) < 0


def test_there_is_no_error_to_tell_above_the_nyquist_frequency():
    errors = amplitude_error(Stepped(NEURON, 0.1), np.array([1.0, np.pi / 0.1, 32.0]))
    assert np.isfinite(errors[:2]).all() and np.isnan(errors[2])
