"""Time constants with units are decays of a fine step, and back."""

import math

import pytest

from bats_dt.discretization import SCHEMES, retained
from lava_dt.time_constants import decay, in_decays, seconds, time_constant


@pytest.mark.parametrize(
    "written, expected",
    [("20 ms", 0.02), ("350us", 350e-6), ("0.02 s", 0.02), (" 1.5e1ms ", 0.015), ("350 µs", 350e-6), (0.02, 0.02)],
)
def test_a_time_is_read_with_its_unit(written, expected):
    assert seconds(written, "tau") == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "written, error, says",
    [
        ("20", ValueError, "tau is '20', which has no unit: write it in s, ms, us or ns"),
        ("20 min", ValueError, "has the unit 'min'"),
        ("ms", ValueError, "is no number with a unit"),
        ("-3 ms", ValueError, "must be finite and above 0"),
        (0, ValueError, "tau is 0: a time must be finite and above 0"),
        (math.inf, ValueError, "tau is inf"),
        (None, TypeError, "tau is None: pass a number of seconds, or a string with a unit"),
        (True, TypeError, "tau is True"),
    ],
)
def test_what_is_no_time_is_refused_in_words(written, error, says):
    with pytest.raises(error, match=says):
        seconds(written, "tau")


def test_decays_worked_by_hand():
    # tau = 4 steps: forward Euler 1/4, backward Euler 1/5, bilinear 2/9, exponential 1 - exp(-1/4)
    assert decay("4 ms", "1 ms", "forward_euler") == pytest.approx(1 / 4, rel=1e-14)
    assert decay("4 ms", "1 ms", "backward_euler") == pytest.approx(1 / 5, rel=1e-14)
    assert decay("4 ms", "1 ms", "bilinear") == pytest.approx(2 / 9, rel=1e-14)
    assert decay("4 ms", "1 ms") == pytest.approx(1 - math.exp(-0.25), rel=1e-14)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tau", [1e-3, 3e-3, 0.02, 1.0])
def test_a_decay_stands_for_the_time_constant_it_came_from(scheme, tau):
    assert time_constant(decay(tau, "1 ms", scheme), "1 ms", scheme) == pytest.approx(tau, rel=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dt", [1, 2, 7])
def test_the_scheme_at_dt_keeps_what_one_step_of_that_length_would(scheme, dt):
    """The decay of a fine step, taken to dt by the scheme, is the decay of a step dt times as long."""
    fine = decay("20 ms", "1 ms", scheme)
    assert 1 - retained(fine, dt, scheme) == pytest.approx(decay(0.02, dt * 1e-3, scheme), rel=1e-12)


def test_decays_of_nothing_and_everything():
    assert time_constant(0, "1 ms") == math.inf
    assert time_constant(1, "1 ms") == time_constant(1, "1 ms", "backward_euler") == 0
    assert time_constant(1, "1 ms", "forward_euler") == pytest.approx(1e-3)
    assert time_constant(1, "1 ms", "bilinear") == pytest.approx(0.5e-3)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("0.5 ms", "1 ms", "forward_euler"), "forward_euler would lose 2 of it in one step.* scheme='exponential'"),
        (("0.4 ms", "1 ms", "bilinear"), "bilinear would lose 1.111 of it in one step"),
        (("10 s", "1 ms"), "less than half of 1/4096, which 12 bits round to no leak.* about 8.19 s is the longest"),
        (("20 ms", "1 ms", "euler"), "scheme is 'euler', which is unknown: pass one of forward_euler"),
    ],
)
def test_a_time_constant_that_no_decay_represents_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        decay(*arguments)


def test_a_longer_step_represents_a_longer_time_constant():
    assert decay("10 s", "1 ms", dt=4) == pytest.approx(1e-4, rel=1e-3)
    assert decay("8 s", "1 ms") * 4096 > 0.5


def test_a_wrong_decay_has_no_time_constant():
    with pytest.raises(ValueError, match=r"decay is 1.5: a decay is the fraction"):
        time_constant(1.5, "1 ms")
    with pytest.raises(ValueError, match="scheme is 'euler'"):
        time_constant(0.5, "1 ms", "euler")


def test_neuron_parameters_are_turned_into_decays():
    given = {"threshold": 1.25, "tau_syn": "4 ms", "tau_mem": ("10 ms", "20 ms"), "step": 1e-3, "voltage_decay": None}
    found = in_decays(given, "forward_euler")
    assert found.keys() == {"threshold", "current_decay", "voltage_decay"}
    assert found["current_decay"] == pytest.approx(0.25) and found["voltage_decay"] == pytest.approx((0.05, 0.1))
    plain = {"threshold": 1.25, "current_decay": 0.25}
    assert in_decays(plain, "forward_euler") is plain


@pytest.mark.parametrize(
    "parameters, says",
    [
        ({"tau_syn": "4 ms", "current_decay": 0.25, "step": "1 ms"}, "both tau_syn and current_decay are given"),
        ({"tau_mem": "4 ms"}, "tau_mem is given without step, the length of a fine step: add for instance step='1 ms'"),
        ({"step": "1 ms", "current_decay": 0.1}, "step is given without tau_syn or tau_mem"),
        ({"tau_mem": "4 parsec", "step": "1 ms"}, "tau_mem is '4 parsec', which has the unit 'parsec'"),
        ({"tau_syn": "0.5 ms", "step": "1 ms"}, "tau_syn is '0.5 ms' and a fine step '1 ms': forward_euler"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused_in_words(parameters, says):
    with pytest.raises(ValueError, match=says):
        in_decays(parameters, "forward_euler")
