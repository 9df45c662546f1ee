import math

import pytest

from bats_dt.discretization import SCHEMES, kept, retained


def test_the_factors_kept_are_those_of_the_schemes():
    assert [kept(0.5, scheme) for scheme in ("forward_euler", "exponential", "backward_euler", "bilinear")] == [
        0.5, math.exp(-0.5), 1 / 1.5, 0.75 / 1.25
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_they_are_the_factors_over_several_fine_steps_of_the_decay_that_the_scheme_has_in_one(scheme):
    assert retained(1 - kept(0.01, scheme), 7, scheme) == pytest.approx(kept(0.07, scheme), rel=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_they_are_stable_forward_euler_up_to_two_time_constants(scheme):
    for ratio in (0.01, 1.0, 1.99, 2.01, 50.0):
        assert (abs(kept(ratio, scheme)) < 1) == (scheme != "forward_euler" or ratio < 2)


def test_an_unknown_scheme_is_refused_in_words():
    with pytest.raises(ValueError, match="scheme is 'euler', which is unknown: pass one of forward_euler, exponential"):
        kept(0.1, "euler")
