"""The convergence rate, by hand."""

import math

import pytest

from runs.convergence import convergence_rate, epochs_to, normalised_rate, relative_change


def test_the_rate_is_the_area_under_the_curve_by_trapezoids():
    # (0.2 + 0.6) / 2 + (0.6 + 0.8) / 2 = 0.4 + 0.7
    assert convergence_rate([0.2, 0.6, 0.8]) == pytest.approx(1.1)
    assert convergence_rate([1.0, 1.0, 1.0, 1.0]) == 3.0


def test_fewer_than_two_epochs_span_no_area_and_have_no_rate():
    assert math.isnan(convergence_rate([0.9]))
    assert math.isnan(convergence_rate([]))


def test_the_change_is_relative_to_the_baseline():
    assert relative_change(0.55, 1.1) == pytest.approx(-0.5)
    assert relative_change(1.1, 1.1) == 0.0
    assert math.isnan(relative_change(math.nan, 1.1))
    assert math.isnan(relative_change(1.1, 0.0))


def test_the_normalised_rate_is_an_interval_between_epochs():
    assert normalised_rate([0.2, 0.6, 0.8]) == pytest.approx(0.55)
    assert normalised_rate([0.7] * 9) == pytest.approx(0.7)
    assert math.isnan(normalised_rate([0.9]))


def test_a_threshold_is_reached_after_the_first_epoch_that_is_not_below_it():
    assert epochs_to([0.2, 0.9, 0.8, 0.95], 0.9) == 2.0
    assert epochs_to([0.2, 0.3], 0.9) == math.inf
    assert epochs_to([math.nan, 0.9], 0.9) == 2.0
