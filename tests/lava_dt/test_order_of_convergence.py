"""Schemes agree as dt -> 0: their errors against the continuous neuron, measured, fall with the order of the scheme."""

import numpy as np
import pytest
import torch

from bats_dt.discretization import SCHEMES, gain, retained
from lava_dt import Timestep
from lava_dt.block import cuba
from lava_dt.time_constants import fine_decay

TAU_SYN, TAU_MEM, AT = 5.0, 20.0, 16.0  # time constants, and when the response to a spike at 0 is looked at
FINE = 1 << 24  # fine steps until then: so many that lava-dl's own error, of order 1 in the fine step, is far below
STEPS = 2 ** np.arange(4, 9)


def order_of(errors):
    """The slope of log error over log step."""
    return -np.polyfit(np.log(STEPS), np.log(errors), 1)[0]


def factors(steps, scheme):
    """Retained factors of current and voltage over a step of dt, and the gain times a fine step."""
    fine, dt = AT / FINE, FINE // steps
    decays = [fine_decay(fine / tau, scheme) for tau in (TAU_SYN, TAU_MEM)]
    return *(retained(decay, dt, scheme) for decay in decays), gain(*decays, dt, scheme) * fine


def membrane(time):
    """eps(t) [A3]: the voltage a time after a spike, of a neuron without a threshold."""
    return TAU_MEM * TAU_SYN / (TAU_MEM - TAU_SYN) * (np.exp(-time / TAU_MEM) - np.exp(-time / TAU_SYN))


@pytest.mark.parametrize("scheme, order", [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2)])
@pytest.mark.parametrize("which", [0, 1], ids=["current", "voltage"])
def test_a_leak_falls_to_the_continuous_one_with_the_order_of_its_scheme(scheme, order, which):
    exact = np.exp(-AT / (TAU_SYN, TAU_MEM)[which])
    errors = [abs(factors(steps, scheme)[which] ** steps - exact) for steps in STEPS]
    assert order_of(errors) == pytest.approx(order, abs=0.1)


def test_an_exponential_leak_is_exact_at_any_step():
    for steps in (1, 2, 64, 2048):
        for which, tau in enumerate((TAU_SYN, TAU_MEM)):
            # half an ulp of 1 - decay to the power of 2**24
            assert factors(steps, "exponential")[which] ** steps == pytest.approx(np.exp(-AT / tau), rel=2e-9)


def response(steps, scheme):
    """The voltage at every step after a spike, with the integral gain, by the recurrence [A10, A11]."""
    keep_current, keep_voltage, add = factors(steps, scheme)
    current, voltage, trace = 1.0, 0.0, []
    for _ in range(steps):
        voltage = keep_voltage * voltage + add * current
        current *= keep_current
        trace.append(voltage)
    return np.array(trace)


@pytest.mark.parametrize(
    "scheme, order", [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2), ("exponential", 2)]
)
def test_the_membranes_response_falls_to_the_continuous_one_with_the_order_of_its_scheme(scheme, order):
    """The current enters at the begin of a step [A11], so the voltage of a step is that at its end.

    The exponential scheme keeps each leak exactly and the area of the response by its gain; what is left is the ratio
    of sinh(x)/x of the two decays to that of their difference: second order.
    """
    errors = [abs(response(steps, scheme)[-1] - membrane(AT)) for steps in STEPS]
    assert order_of(errors) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_voltage_read_at_the_begin_of_its_step_is_first_order_in_every_scheme(scheme):
    errors = [abs(response(steps, scheme)[-2] - membrane(AT)) for steps in STEPS]
    assert order_of(errors) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_whole_response_and_not_only_one_moment_of_it_converges(scheme):
    errors = []
    for steps in STEPS:
        times = AT / steps * np.arange(1, steps + 1)
        errors.append(np.abs(response(steps, scheme) - membrane(times)).max())
    first = {"forward_euler": 1, "backward_euler": 1, "bilinear": 2, "exponential": 2}[scheme]
    assert order_of(errors) == pytest.approx(first, abs=0.1)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dt", [1, 2, 7, 30])
def test_the_integral_gain_keeps_the_area_of_the_response_at_every_dt(scheme, dt):
    alpha, beta = 1 / 50, 1 / 80
    kept = [retained(decay, dt, scheme) for decay in (alpha, beta)]
    # the sum of a double geometric series, times dt, is that of dt = 1
    area = dt * gain(alpha, beta, dt, scheme) / ((1 - kept[0]) * (1 - kept[1]))
    assert area == pytest.approx(1 / (alpha * beta), rel=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_fine_network_at_a_step_of_k_approaches_its_own_firing_rates_as_k_falls(scheme):
    """Decays of a step 16 times finer than the N-MNIST experiment's, neurons that fire once in 270 fine steps."""
    parameters = {"threshold": 40, "current_decay": 1 / 64, "voltage_decay": 1 / 512}
    x = (torch.rand(4, 40, 2400) < 0.02).float()
    counts = {}
    for k in (1, 2, 16, 32, 64):
        step = Timestep(k, scheme=scheme, gain="integral", reset="soft")
        torch.manual_seed(3)
        net = torch.nn.Sequential(
            *(cuba.Dense(parameters, n, m, weight_scale=1, timestep=step) for n, m in ((40, 60), (60, 30)))
        )
        with torch.no_grad():
            counts[k] = net(x).sum(-1)
    errors = [((counts[k] - counts[1]).abs().mean() / counts[1].mean()).item() for k in (2, 16, 32, 64)]
    assert counts[1].mean() > 5 and errors == sorted(errors)
    # at k = 2 a spike more or less in every tenth count of 9; at k = 64 half of the spikes have no step of their own
    assert errors[0] < 0.02 and errors[-1] > 0.4
