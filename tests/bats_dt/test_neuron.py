import math

import pytest

from bats_dt.neuron import Neuron


def test_the_letters_of_the_equations():
    neuron = Neuron(tau_syn=0.13, threshold=0.2, reset=0.1)
    assert neuron.tau_mem == 0.26
    assert neuron.c == pytest.approx(0.2 / 0.26)
    assert neuron.reset_over_tau == pytest.approx(0.1 / 0.26)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize(
    ("place", "message"),
    [(0, "tau_s is .* a time constant must be"), (1, "theta is .* the threshold must be"), (2, "fire without end")],
)
def test_constants_out_of_range_are_refused_in_words(place, message, wrong):
    constants = [0.13, 0.2, 0.2]
    constants[place] = wrong
    with pytest.raises(ValueError, match=message):
        Neuron(*constants)


def test_the_membrane_may_have_any_time_constant():
    assert Neuron(0.13, 0.2, 0.2).closed_form
    assert not Neuron(0.13, 0.2, 0.2, tau_mem=0.1).closed_form
    with pytest.raises(ValueError, match=r"tau_mem is 0\.0 s: a time constant must be"):
        Neuron(0.13, 0.2, 0.2, tau_mem=0.0)


@pytest.mark.parametrize("tau_mem", [0.05, 0.0999, 0.1, 0.1001, 0.2, 0.7])
def test_the_response_to_one_spike_solves_the_equations(tau_mem):
    neuron, step = Neuron(0.1, 1.0, 1.0, tau_mem=tau_mem), 1e-6
    assert neuron.response(0.0) == 0
    for since in (0.01, 0.1, 0.5):
        slope = (neuron.response(since + step) - neuron.response(since - step)) / (2 * step)
        current = math.exp(-since / 0.1)
        assert slope == pytest.approx(current - neuron.response(since) / tau_mem, rel=1e-7, abs=1e-9)


def test_equal_time_constants_are_the_limit_of_unequal_ones():
    equal, nearly = (Neuron(0.1, 1.0, 1.0, tau_mem=tau_mem) for tau_mem in (0.1, 0.1 * (1 + 1e-9)))
    assert equal.response(0.3) == pytest.approx(0.3 * math.exp(-3))
    assert nearly.response(0.3) == pytest.approx(equal.response(0.3), rel=1e-8)


def test_a_long_rest_leaves_nothing_of_a_response():
    assert Neuron(0.1, 1.0, 1.0, tau_mem=0.05).response(1e3) == 0
