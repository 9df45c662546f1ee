"""Means and their intervals, by hand."""

import itertools
import math

import numpy as np
import pytest

from runs.estimate import Interval, Reached, bootstrap, estimate, middle


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


def test_the_bootstrap_interval_is_that_of_all_resamples():
    values = [0.1, 0.25, 0.2, 0.6, 0.37]
    means = np.mean(list(itertools.product(values, repeat=5)), axis=1)  # every resample of five values there is
    low, high = np.quantile(means, [0.025, 0.975])
    # quantiles of 9,999 draws scatter by about sqrt(0.025 0.975 / 9999) / density, here below 0.004
    assert bootstrap(values).low == pytest.approx(low, abs=0.012)
    assert bootstrap(values).high == pytest.approx(high, abs=0.012)


def test_the_bootstrap_is_seeded_and_of_three_values_their_range():
    # each end is drawn three times in 1 of 27 resamples, more often than 2.5 %
    interval = bootstrap([0.1, 0.2, 0.6])
    assert (interval.low, interval.high, interval.n) == (pytest.approx(0.1), pytest.approx(0.6), 3)
    many = [0.1, 0.25, 0.2, 0.6, 0.35]
    assert bootstrap(many) == bootstrap(many)


def test_one_value_or_none_has_no_bootstrap_interval():
    assert math.isnan(bootstrap([0.9]).low) and math.isnan(bootstrap([math.nan]).high)
    assert bootstrap([0.5, 0.5, math.nan]) == Interval(low=0.5, high=0.5, n=2)


def test_the_middle_leaves_out_what_is_unknown():
    assert middle([3.0, math.nan, 1.0, 8.0]) == 3.0
    assert math.isnan(middle([]))


def test_the_median_of_runs_that_reach_a_threshold_counts_those_that_do_not():
    assert (Reached(epochs=(2.0, 5.0, math.inf)).median, Reached(epochs=(2.0, 5.0, math.inf)).reached) == (5.0, 2)
    assert Reached(epochs=(2.0, math.inf)).median == math.inf
    assert math.isnan(Reached(epochs=()).median)
