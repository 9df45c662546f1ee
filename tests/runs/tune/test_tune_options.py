"""What `tune` is told: units, ranges, and the sentences for what cannot be."""

import pytest

from runs.config import ConfigError
from runs.tune.options import check_rules, check_steps, checked_options


@pytest.mark.parametrize("typed", ["1%", "1 %", " 1% ", "1 point", "1points", "0.01", 0.01, "1e-2", ".01"])
def test_a_tolerance_is_a_share_or_percent(typed):
    assert checked_options({"tolerance": typed}).tolerance == pytest.approx(0.01)


def test_a_confidence_is_a_share_or_percent():
    assert checked_options({"confidence": "99%"}).confidence == pytest.approx(0.99)
    assert checked_options({"tolerance": 0}).tolerance == 0


def test_steps_are_sorted_and_told_once():
    assert checked_options({"dt": (8, 2, 8)}).dt == (2, 8)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"tolerance": 1}, "tolerance is 1: a bare number is a share below 1; write 1% if that is meant"),
        ({"tolerance": "5"}, "write 5% if that is meant"),
        ({"tolerance": "120%"}, "tolerance is 120%: give less than 100%"),
        ({"tolerance": "-1%"}, "percent such as 1%"),
        ({"tolerance": "a little"}, "tolerance is 'a little': give a share"),
        ({"tolerance": float("nan")}, "give a share"),
        ({"tolerance": True}, "give a share"),
        ({"confidence": 0.2}, "confidence is 0.2: give one of 50% or more, such as 95%"),
        ({"dt": (1, 2)}, "--dt is 1 2: give steps of 2 or more; dt = 1 is always measured"),
        ({"dt": ()}, "--dt is empty"),
        ({"dt": (2.5,)}, "--dt is 2.5"),
        ({"rules": ()}, "rules is empty: name one rule or more"),
        ({"finetune": -1}, "--finetune is -1"),
        ({"seed": -1}, "--seed is -1"),
        ({"calibration": 0}, "--calibration is 0"),
        ({"samples": 0}, "--samples is 0"),
        ({"verify": -1}, "--verify is -1"),
        ({"speed": 1}, "--speed is 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values, told):
    with pytest.raises(ConfigError) as error:
        checked_options(values)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_rules_are_tried_in_the_order_of_preference():
    known = ("a", "b", "c")
    assert check_rules(None, known) == known
    assert check_rules(("c", "a"), known) == ("a", "c")
    with pytest.raises(ConfigError, match="there is no rule 'd': give one or more of a, b, c"):
        check_rules(("a", "d"), known)


def test_a_step_longer_than_a_sample_is_refused():
    check_steps((2, 300), 300)
    with pytest.raises(ConfigError, match="dt = 400 is longer than a sample of 300 steps: give steps of 300 or less"):
        check_steps((2, 400), 300)
