"""Means and their intervals, by hand."""

import math

import pytest

from runs.estimate import estimate


def test_three_values_have_students_interval():
    # s = 1, t(0.975, 2) = 4.302653 (tables), margin = t / sqrt(3)
    three = estimate([1.0, 2.0, 3.0])
    assert three.mean == 2.0 and three.n == 3
    assert three.margin == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_one_value_has_no_interval_and_none_no_mean():
    assert estimate([0.9]).mean == 0.9 and math.isnan(estimate([0.9]).margin)
    assert math.isnan(estimate([]).mean) and estimate([]).n == 0


def test_what_is_unknown_is_left_out():
    known = estimate([math.nan, 1.0, 3.0])
    assert (known.mean, known.n) == (2.0, 2)


def test_equal_values_have_an_interval_of_no_width():
    assert estimate([0.5, 0.5, 0.5]).margin == 0.0
