import math

import numpy as np
import pytest

from bats_dt.losses import SpikeTimeLoss

INF = math.inf
TIMES = np.array([[[0.2, 0.5], [0.3, INF], [INF, INF], [INF, INF]]], np.float32)
COUNTS = np.array([[2, 1, 0, 0]], np.int32)


def test_loss_and_errors_of_first_spikes_worked_by_hand():
    targets = np.array([[0.1, INF, 0.6, INF]])
    loss, errors = SpikeTimeLoss().compute_loss_and_errors(TIMES, COUNTS, targets)
    np.testing.assert_allclose(loss, [0.5 * (0.1**2 + 0.7**2 + 0.4**2)], rtol=1e-6)
    np.testing.assert_allclose(errors[0], [[0.1, 0], [-0.7, 0], [0, 0], [0, 0]], rtol=1e-6)
    assert loss.dtype == errors.dtype == np.float32


def test_every_spike_can_have_a_target():
    targets = np.array([[[0.1, 0.6], [0.3, 0.4], [INF, INF], [0.9, INF]]])
    loss, errors = SpikeTimeLoss().compute_loss_and_errors(TIMES, COUNTS, targets)
    np.testing.assert_allclose(loss, [0.5 * (0.1**2 + 0.1**2 + 0.6**2 + 0.1**2)], rtol=1e-5)
    np.testing.assert_allclose(errors[0], [[0.1, -0.1], [0, 0], [0, 0], [0, 0]], atol=1e-7)


def test_errors_are_the_derivative_of_the_loss():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 0.9, (3, 4, 2)), axis=2)
    times[0, 1, 1] = times[2, 0] = INF
    targets = rng.uniform(0, 1, times.shape)
    targets[1] = INF
    counts, loss = np.isfinite(times).sum(axis=2), SpikeTimeLoss()
    errors = loss.compute_errors(times, counts, targets)
    for place in np.ndindex(4, 2):
        step = np.zeros((4, 2))
        step[place] = 1e-6
        difference = (
            loss.compute_loss(times + step, counts, targets) - loss.compute_loss(times - step, counts, targets)
        ) / 2e-6
        np.testing.assert_allclose(errors[(slice(None), *place)], difference, atol=1e-8)


def test_a_spike_that_is_not_wanted_is_not_pushed_once_it_is_late_enough():
    times = np.array([[[1.5], [0.4]]])
    loss, errors = SpikeTimeLoss().compute_loss_and_errors(times, np.ones((1, 2), int), np.full((1, 2), INF))
    np.testing.assert_allclose(errors[0, :, 0], [0, -0.6])
    np.testing.assert_allclose(loss, [0.18])


def test_a_silent_sample_has_a_finite_loss_and_no_errors():
    times = np.full((2, 3, 4), INF, np.float32)
    loss, errors = SpikeTimeLoss(silent_time=0.3).compute_loss_and_errors(
        times, np.zeros((2, 3), int), np.full((2, 3), 0.1, np.float32)
    )
    np.testing.assert_allclose(loss, [0.06, 0.06], rtol=1e-6)
    assert not errors.any()


def test_the_arguments_stay_as_they_were():
    targets, times = np.array([[0.1, INF, 0.6, INF]]), TIMES.copy()
    SpikeTimeLoss().compute_loss_and_errors(times, COUNTS, targets)
    np.testing.assert_array_equal(targets, [[0.1, INF, 0.6, INF]])
    np.testing.assert_array_equal(times, TIMES)


def test_the_earliest_neuron_wins_and_the_lowest_index_a_tie():
    assert SpikeTimeLoss().predict(TIMES, COUNTS).tolist() == [0]
    assert SpikeTimeLoss().predict(np.full((1, 3, 2), INF), np.zeros((1, 3), int)).tolist() == [0]
    assert SpikeTimeLoss().predict(np.array([[[0.3], [0.1], [0.1]]]), np.ones((1, 3), int)).tolist() == [1]


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (np.array([[1, 2, 3, 4]]), TypeError, "targets have dtype int64: pass floating point numbers, seconds"),
        (np.ones((4,)), ValueError, r"targets have shape \(4,\): pass \(1, 4\) or \(1, 4, 2\), seconds"),
        (np.array([[0.1, -0.1, 0.1, 0.1]]), ValueError, "a target is negative or not a number: pass seconds, 0 or"),
        (np.array([[0.1, math.nan, 0.1, 0.1]]), ValueError, "a target is negative or not a number"),
        (np.array([[0.1, 2.0, 0.1, INF]]), ValueError, r"targets go to 2 s but a silent .* at 1 s: pass SpikeTimeLoss"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_words(targets, error, message):
    with pytest.raises(error, match=message):
        SpikeTimeLoss().compute_loss(TIMES, COUNTS, targets)


def test_a_silent_time_out_of_range_is_refused_in_words():
    with pytest.raises(ValueError, match="silent_time is -1 s: pass the time"):
        SpikeTimeLoss(silent_time=-1)
