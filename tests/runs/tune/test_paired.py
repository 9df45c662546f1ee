"""Tango's interval of the difference of two accuracies on the same samples."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from runs.tune.paired import bonferroni, discordant, samples_needed, score_interval

Z2 = norm.ppf(0.975) ** 2


def likeliest(b, c, n, d):
    """The q that maximises the likelihood b log(q + d) + c log(q) + (n - b - c) log(1 - 2 q - d), by search."""

    def minus(q):
        parts = [(b, q + d), (c, q), (n - b - c, 1 - 2 * q - d)]
        return -sum(count * math.log(max(p, 1e-300)) for count, p in parts if count)

    found = minimize_scalar(minus, bounds=(max(0, -d), (1 - d) / 2), method="bounded", options={"xatol": 1e-12})
    return found.x


def test_where_no_sample_tells_the_two_apart_the_interval_is_z2_over_n_plus_z2():
    for n in (1, 20, 1000):
        found = score_interval(0, 0, n, 0.95)
        assert found.high == pytest.approx(Z2 / (n + Z2), abs=1e-12)  # by hand: q = 0, so n D / (1 - D) = z^2
        assert found.low == pytest.approx(-found.high, abs=1e-12)


def test_where_only_the_first_is_right_alone_the_upper_end_is_wilsons():
    b, n = 3, 40  # c = 0, and q = 0 from D = b / (2 n - b) on: (b - n D)^2 = z^2 n D (1 - D)
    p = b / n
    wilson = (p + Z2 / (2 * n) + math.sqrt(Z2 * (p * (1 - p) / n + Z2 / (4 * n**2)))) / (1 + Z2 / n)
    assert score_interval(b, 0, n, 0.95).high == pytest.approx(wilson, abs=1e-12)


def test_one_and_seven_of_21_give_the_interval_of_the_textbooks():
    found = score_interval(1, 7, 21, 0.95)  # a widely used example of bronchial hyperreactivity, to 3 digits
    assert (round(found.low, 3), round(found.high, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (5, 9, 300), (1, 1, 10), (29, 1, 30), (0, 4, 25)])
def test_at_both_ends_the_score_with_the_likeliest_probabilities_is_z(b, c, n):
    found = score_interval(b, c, n, 0.95)
    for end in (found.low, found.high):
        q = likeliest(b, c, n, end)
        score = (b - c - n * end) ** 2 / (n * (2 * q + end * (1 - end)))
        assert score == pytest.approx(Z2, rel=1e-4)  # the search for q is good to about 1e-8


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_outcome_of_few_samples_has_an_interval_within_minus_1_and_1_around_its_difference(n):
    for b in range(n + 1):
        for c in range(n + 1 - b):
            found = score_interval(b, c, n, 0.95)
            assert -1 <= found.low <= (b - c) / n <= found.high <= 1
            assert found.low < found.high


def test_exchanging_the_two_mirrors_the_interval():
    one, other = score_interval(13, 4, 200, 0.9), score_interval(4, 13, 200, 0.9)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_all_samples_against_one_network_reach_the_end_of_the_range():
    assert score_interval(30, 0, 30, 0.95).high == 1.0
    assert score_interval(0, 30, 30, 0.95).low == -1.0


def test_a_higher_level_is_wider_and_more_samples_are_narrower():
    narrow, wide = score_interval(10, 5, 200, 0.9), score_interval(10, 5, 200, 0.99)
    many = score_interval(100, 50, 2000, 0.9)
    assert wide.low < narrow.low < many.low < 0.025 < many.high < narrow.high < wide.high


@pytest.mark.parametrize(
    ("n", "first", "second"),
    [(30, 0.1, 0.1), (100, 0.03, 0.01), (100, 0.2, 0.05), (1000, 0.02, 0.01), (1000, 0.001, 0.001)],
)
def test_it_holds_the_difference_as_often_as_it_says(n, first, second):
    outcomes = np.random.default_rng(8).multinomial(n, [first, second, 1 - first - second], size=4000)
    kinds, times = np.unique(outcomes[:, :2], axis=0, return_counts=True)
    inside = 0
    for (b, c), often in zip(kinds, times, strict=True):
        found = score_interval(int(b), int(c), n, 0.95)
        inside += often * (found.low <= first - second <= found.high)
    # four standard errors of 4000 draws are 0.014; few pairs that differ make it hold more often than it says
    assert 0.93 < inside / 4000 <= 1.0


def test_discordant_samples_are_those_that_one_alone_has_right():
    first = np.array([True, True, False, False, True])
    second = np.array([True, False, True, False, False])
    assert discordant(first, second) == (2, 1)


def test_answers_to_other_samples_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(4,\): they are compared sample by sample"):
        discordant(np.ones(3, bool), np.ones(4, bool))


@pytest.mark.parametrize(("b", "c", "n"), [(0, 0, 0), (3, 3, 5), (-1, 0, 5)])
def test_numbers_that_no_samples_have_are_refused(b, c, n):
    with pytest.raises(ValueError, match="pass one sample or more, and no more that tell the two apart"):
        score_interval(b, c, n, 0.95)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match=r"above 0 and below 1, such as 0\.95"):
        score_interval(1, 1, 5, level)


def test_the_level_is_shared_by_all_comparisons():
    assert bonferroni(0.95, 5) == pytest.approx(0.99)
    assert bonferroni(0.95, 1) == bonferroni(0.95, 0) == pytest.approx(0.95)


def test_the_samples_needed_are_the_fewest_that_show_it():
    needed = samples_needed(40, 30, 1000, 0.02, 0.95)
    assert needed is not None and needed > 1000

    def high(n):
        return score_interval(0.04 * n, 0.03 * n, n, 0.95).high

    assert high(needed) <= 0.02 < high(needed - 1)
    assert samples_needed(0, 0, 100, 0.01, 0.95) == math.ceil(Z2 * 99)  # z^2 / (n + z^2) <= 0.01


def test_no_number_of_samples_shows_a_loss_that_is_not_below_the_tolerance():
    assert samples_needed(40, 30, 1000, 0.01, 0.95) is None
    assert samples_needed(40, 20, 1000, 0.01, 0.95) is None


def test_samples_that_are_enough_are_told_as_they_are():
    assert samples_needed(0, 5, 10_000, 0.01, 0.95) == 10_000
