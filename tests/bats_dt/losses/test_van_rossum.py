import math

import numpy as np
import pytest

from bats_dt.losses import VanRossumClassLoss, VanRossumLoss

TAU, END = 0.3, 1.0


def trains(*rows, slots=None):
    """Padded times of one sample, and their counts."""
    slots = slots or max(map(len, rows))
    times = np.array([[[*row, *[math.inf] * (slots - len(row))] for row in rows]])
    return times, np.isfinite(times).sum(axis=2)


def some(rng, slots=5, targets=3):
    times = np.sort(rng.uniform(0, 1.2, (3, 4, slots)), axis=2)
    times[0, 0, 3:], times[1, 1], times[2, 2, 0] = np.inf, np.inf, 0.0
    wanted = rng.uniform(0, 1.2, (3, 4, targets))
    wanted[0, 1], wanted[1, 2, 1] = np.inf, np.inf
    return times, np.isfinite(times).sum(axis=2), wanted


def test_a_lone_spike_costs_what_is_left_of_it_before_the_end():
    """1/tau int_t^end exp(-2 (s - t)/tau) ds = (1 - exp(-2 (end - t)/tau))/2, so dL/dt = -exp(-2 (end - t)/tau)/tau."""
    times, counts = trains([0.4])
    loss, errors = VanRossumLoss(TAU, END).compute_loss_and_errors(times, counts, np.array([[[math.inf]]]))
    left = math.exp(-2 * 0.6 / TAU)
    np.testing.assert_allclose(loss, [(1 - left) / 2], rtol=1e-14)
    np.testing.assert_allclose(errors, [[[-left / TAU]]], rtol=1e-12)


def test_the_loss_is_the_integral_of_the_squared_difference():
    times, counts, wanted = some(np.random.default_rng(0))
    at = np.linspace(0, END, 40_001)

    def trace(train):
        return sum(np.where(at >= t, np.exp(-np.maximum(at - t, 0) / TAU), 0.0) for t in train[np.isfinite(train)])

    expected = [
        sum(np.mean((trace(times[b, n]) - trace(wanted[b, n]) + 0 * at) ** 2) * END / TAU for n in range(4))
        for b in range(3)
    ]
    # a mean over points every 2.5e-5 s is off by jumps of up to 10 at as many as 8 spikes: 4e-3 of L's 10
    np.testing.assert_allclose(VanRossumLoss(TAU, END).compute_loss(times, counts, wanted), expected, rtol=2e-3)


@pytest.mark.parametrize("tau", [0.02, 0.3, 50.0])
def test_errors_are_central_differences(tau):
    times, counts, wanted = some(np.random.default_rng(1))
    loss = VanRossumLoss(tau, END)
    errors, step = loss.compute_errors(times, counts, wanted), 1e-6
    for place in zip(*np.nonzero(np.isfinite(times)), strict=True):
        values, here = [], times[place]
        for sign in (1, -1):
            times[place] = here + sign * step
            values.append(loss.compute_loss(times, counts, wanted)[place[0]])
        times[place] = here
        if here > 0:  # the step back from 0 would be to a time that is none
            # rounding of L, some 1e-15, over the step; the remainder is (step/tau)^2
            assert errors[place] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-7)
    assert not errors[~np.isfinite(times)].any()


def test_a_spike_in_its_wanted_place_has_no_error_and_the_order_of_targets_does_not_matter():
    times, counts = trains([0.2, 0.5, 0.7], [0.1])
    loss = VanRossumLoss(TAU, END)
    wanted = np.array([[[0.7, 0.2, 0.5], [0.1, math.inf, math.inf]]])
    found, errors = loss.compute_loss_and_errors(times, counts, wanted)
    np.testing.assert_allclose(found, 0, atol=1e-15)
    np.testing.assert_allclose(errors, 0, atol=1e-12)


@pytest.mark.parametrize("dt", [0.001, 0.01, 0.1, 1 / 3])
def test_a_spike_that_rounding_alone_takes_from_its_wanted_place_has_no_error(dt):
    steps = np.arange(5, 55, 5)
    times, wanted = (steps * dt).astype(np.float32)[None, None], (np.arange(1, 11) * (50 * dt) / 10)[None, None]
    errors = VanRossumLoss(25 * dt, 51 * dt).compute_errors(times, np.array([[10]]), wanted)
    assert np.abs(errors * 25 * dt).max() < 1e-5  # a spike off its place by any more has 1


def test_what_is_behind_the_end_counts_for_nothing():
    loss = VanRossumLoss(TAU, END)
    (times, counts), wanted = trains([0.4], slots=2), np.array([[[0.3, math.inf]]])
    later, more = trains([0.4, 1.1])
    first = loss.compute_loss_and_errors(times, counts, wanted)
    second = loss.compute_loss_and_errors(later, more, np.array([[[0.3, 1.5]]]))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert second[1][0, 0, 1] == 0


def test_a_class_loss_is_the_loss_of_its_trains_and_predicts_the_least():
    times, counts, _ = some(np.random.default_rng(2), slots=9)
    true_times, false_times = [0.2, 0.5, 0.9], [0.8]
    loss = VanRossumClassLoss(TAU, END, true_times=true_times, false_times=false_times)
    losses = []
    for label in range(4):
        wanted = np.full((3, 4, 3), np.inf)
        wanted[:, :, 0], wanted[:, label] = 0.8, true_times
        labels = np.full(3, label)
        found, expected = (
            one.compute_loss_and_errors(times, counts, targets)
            for one, targets in ((loss, labels), (VanRossumLoss(TAU, END), wanted))
        )
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        losses.append(found[0])
    np.testing.assert_array_equal(loss.predict(times, counts), np.argmin(losses, axis=0))


def test_silence_is_the_lowest_class_and_float32_stays_float32():
    times, counts = trains([], [], slots=3)
    loss = VanRossumClassLoss(TAU, END, true_times=[0.5], false_times=[])
    assert loss.predict(times, counts).tolist() == [0]
    found, errors = loss.compute_loss_and_errors(times.astype(np.float32), counts, np.array([1]))
    assert found.dtype == errors.dtype == np.float32
    assert not errors.any() and found[0] > 0


@pytest.mark.parametrize(
    "module", [VanRossumLoss(TAU, END), VanRossumClassLoss(TAU, END, true_times=[], false_times=[])]
)
def test_trains_without_slots_have_a_loss(module):
    targets = np.array([0]) if isinstance(module, VanRossumClassLoss) else np.zeros((1, 2, 0))
    loss, errors = module.compute_loss_and_errors(np.empty((1, 2, 0)), np.zeros((1, 2), int), targets)
    assert loss.tolist() == [0] and errors.shape == (1, 2, 0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: VanRossumLoss(0.0, 1.0), ValueError, "tau is 0.0 s: pass the time constant of the distance"),
        (lambda: VanRossumLoss(1.0, math.inf), ValueError, "end is inf s: pass the end of the interval compared"),
        (lambda: VanRossumLoss("a", 1.0), TypeError, "pass the time constant of the distance"),
        (
            lambda: VanRossumClassLoss(1.0, 1.0, true_times=[-0.1], false_times=[]), ValueError,
            "true_times holds -0.1: pass times in seconds from the start, 0 or above",
        ),
        (
            lambda: VanRossumLoss(1.0, 1.0).compute_loss(*trains([0.1]), np.zeros((1, 2, 1))), ValueError,
            r"targets have shape \(1, 2, 1\): pass \(1, 1, 1\), seconds",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(make, error, message):
    with pytest.raises(error, match=message):
        make()
