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
