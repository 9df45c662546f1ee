import math

import numpy as np
import pytest

from bats_dt.losses import SpikeCountClassLoss, SpikeCountLoss

COUNTS = np.array([[4, 1, 0], [2, 2, 0]], np.int32)
TIMES = np.full((2, 3, 5), np.inf, np.float32)
LABELS = np.array([0, 2])


def test_loss_and_errors_worked_by_hand():
    loss, errors = SpikeCountClassLoss(5, 1).compute_loss_and_errors(TIMES, COUNTS, LABELS)
    np.testing.assert_array_equal(loss, [0.5 * (1 + 0 + 1), 0.5 * (1 + 1 + 25)])
    np.testing.assert_array_equal(errors[:, :, 0], [[1, 0, 1], [-1, -1, 5]])
    assert errors.shape == TIMES.shape
    assert (errors == errors[:, :, :1]).all()
    assert loss.dtype == errors.dtype == np.float32


def test_the_parts_are_the_whole():
    loss_function = SpikeCountClassLoss(5, 1)
    loss, errors = loss_function.compute_loss_and_errors(TIMES, COUNTS, LABELS)
    np.testing.assert_array_equal(loss, loss_function.compute_loss(TIMES, COUNTS, LABELS))
    np.testing.assert_array_equal(errors, loss_function.compute_errors(TIMES, COUNTS, LABELS))


def test_targets_of_each_neuron_worked_by_hand():
    targets = np.array([[5, 1, 1], [1, 1, 5.5]])
    loss, errors = SpikeCountLoss().compute_loss_and_errors(TIMES, COUNTS, targets)
    np.testing.assert_array_equal(loss, [0.5 * (1 + 0 + 1), 0.5 * (1 + 1 + 5.5**2)])
    np.testing.assert_array_equal(errors[:, :, 4], [[1, 0, 1], [-1, -1, 5.5]])
    assert loss.dtype == errors.dtype == np.float32
    assert SpikeCountLoss().predict(TIMES, COUNTS).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (np.ones((2, 3), int), TypeError, "targets have dtype int64: pass floating point numbers, counts of spikes"),
        (np.ones((2, 4)), ValueError, r"targets have shape \(2, 4\): pass \(2, 3\), counts of spikes"),
        (np.full((2, 3), math.nan), ValueError, "a target is negative or not a number: pass counts of spikes, 0 or"),
        (np.full((2, 3), math.inf), ValueError, "a target is inf: pass a finite number of spikes"),
    ],
)
def test_targets_of_each_neuron_that_do_not_fit_are_refused_in_words(targets, error, message):
    with pytest.raises(error, match=message):
        SpikeCountLoss().compute_loss(TIMES, COUNTS, targets)


def test_the_most_spikes_win_and_the_lowest_index_a_tie():
    assert SpikeCountClassLoss(5, 1).predict(TIMES, COUNTS).tolist() == [0, 0]


@pytest.mark.parametrize("target", [-1, math.nan, math.inf])
def test_targets_out_of_range_are_refused_in_words(target):
    with pytest.raises(ValueError, match=r"target_true is .* a number of spikes"):
        SpikeCountClassLoss(target, 1)
    with pytest.raises(ValueError, match=r"target_false is .* a number of spikes"):
        SpikeCountClassLoss(1, target)
    with pytest.raises(TypeError, match="target_true is 'many': a number of spikes"):
        SpikeCountClassLoss("many", 1)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0.0, 1.0]), TypeError, "labels have dtype float64: pass integers"),
        (np.array([0]), ValueError, r"labels have shape \(1,\): pass \(2,\)"),
        (np.array([0, 3]), ValueError, "labels go from 0 to 3 but the output layer has 3 neurons: pass 0 to 2"),
        (np.array([-1, 0]), ValueError, "labels go from -1 to 0"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_words(labels, error, message):
    with pytest.raises(error, match=message):
        SpikeCountClassLoss(5, 1).compute_loss(TIMES, COUNTS, labels)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 4, 5), (2, 3)])
def test_times_and_counts_of_different_passes_are_refused_in_words(shape):
    loss = SpikeCountClassLoss(5, 1)
    for compute in (loss.compute_loss, loss.compute_errors, loss.compute_loss_and_errors):
        with pytest.raises(ValueError, match=r"spike times have shape .* but spike counts \(2, 3\): pass"):
            compute(np.full(shape, np.inf, np.float32), COUNTS, LABELS)


def test_lists_are_taken_as_arrays_are():
    given = TIMES.tolist(), COUNTS.tolist(), LABELS.tolist()
    loss = SpikeCountClassLoss(5, 1)
    for one, other in zip(
        loss.compute_loss_and_errors(*given), loss.compute_loss_and_errors(TIMES, COUNTS, LABELS), strict=True
    ):
        np.testing.assert_array_equal(one, other)
