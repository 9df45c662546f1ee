import math

import numpy as np
import pytest

from bats_dt.losses import TTFSSoftmaxCrossEntropy

INF = math.inf


def trains(first, slots=1, dtype=np.float32):
    """Trains with the given first spikes; further slots hold spikes 10 ms after each other."""
    times = np.asarray(first, dtype)[:, :, None] + 0.01 * np.arange(slots, dtype=dtype)
    return times, np.isfinite(times).sum(axis=2).astype(np.int32)


def test_loss_and_errors_worked_by_hand():
    # exp(-t/tau) = 1/2, 1/4, 1/4 up to a common factor
    tau = 0.1
    first = 0.3 + tau * math.log(2) * np.array([[1, 2, 2], [2, 2, 1]])
    loss, errors = TTFSSoftmaxCrossEntropy(tau).compute_loss_and_errors(*trains(first), np.array([0, 1]))
    np.testing.assert_allclose(loss, [math.log(2), math.log(4)], rtol=1e-6)
    np.testing.assert_allclose(errors[:, :, 0], [[5, -2.5, -2.5], [-2.5, 7.5, -5]], rtol=1e-5)
    assert loss.dtype == errors.dtype == np.float32


def test_errors_are_the_derivative_of_the_loss():
    rng = np.random.default_rng(0)
    first = rng.uniform(0.1, 0.2, (4, 5))
    first[0, 1] = first[1, :4] = first[2, 3] = INF
    labels = np.array([0, 2, 3, 4])  # those of samples 1 and 2 are silent
    loss = TTFSSoftmaxCrossEntropy(0.02)
    errors = loss.compute_errors(*trains(first, dtype=np.float64), labels)
    for j in range(5):
        moved = [
            loss.compute_loss(*trains(first + s * (np.arange(5) == j), dtype=np.float64), labels) for s in (1e-6, -1e-6)
        ]
        difference = np.where(np.isfinite(first[:, j]), (moved[0] - moved[1]) / 2e-6, 0)
        np.testing.assert_allclose(errors[:, j, 0], difference, rtol=1e-6, atol=1e-8)


def test_only_the_first_spike_counts():
    first = np.array([[0.1, 0.11, INF]])
    one, many = trains(first), trains(first, slots=3)
    loss = TTFSSoftmaxCrossEntropy(0.005)
    assert loss.compute_loss(*one, np.array([1])) == loss.compute_loss(*many, np.array([1]))
    errors = loss.compute_errors(*many, np.array([1]))
    np.testing.assert_array_equal(errors[:, :, :1], loss.compute_errors(*one, np.array([1])))
    assert not errors[:, :, 1:].any()
    assert loss.predict(*many).tolist() == [0]


@pytest.mark.parametrize("later", [0.0, 1.0, 1e3, 1e6])
def test_times_of_any_multiple_of_tau_do_not_underflow(later):
    # 1/16 s is the spacing of float32 just below 1e6 s
    step = 1 / 16
    loss, errors = TTFSSoftmaxCrossEntropy(step / math.log(2)).compute_loss_and_errors(
        *trains([[later, later + step]]), np.array([1])
    )
    np.testing.assert_allclose(loss, [math.log(3)], rtol=1e-6)
    np.testing.assert_allclose(errors[0, :, 0] * step / math.log(2), [-2 / 3, 2 / 3], rtol=1e-6)


def test_a_silent_label_costs_what_a_spike_at_the_silent_time_would():
    tau = 0.005
    loss_function, labels = TTFSSoftmaxCrossEntropy(tau, silent_time=0.4), np.array([1])
    loss, errors = loss_function.compute_loss_and_errors(*trains([[0.1, INF, 0.3]]), labels)
    np.testing.assert_allclose(loss, [0.3 / tau], rtol=1e-6)
    np.testing.assert_allclose(errors[0, :, 0], [-1 / tau, 0, 0], rtol=1e-6, atol=1e-12)
    speaking, _ = loss_function.compute_loss_and_errors(*trains([[0.1, 0.399, 0.3]]), labels)
    assert speaking < loss


def test_a_silent_label_costs_more_than_any_spike_that_is_there():
    tau = 0.1
    for latest in (0.2, 0.39, 5.0):
        function = TTFSSoftmaxCrossEntropy(tau, silent_time=0.4)
        silent = function.compute_loss(*trains([[0.1, INF, latest]]), np.array([1]))
        as_late = function.compute_loss(*trains([[0.1, latest, latest]]), np.array([1]))
        assert as_late < silent < INF


def test_a_silent_sample_is_a_guess_and_moves_nothing():
    loss, errors = TTFSSoftmaxCrossEntropy(0.005).compute_loss_and_errors(
        *trains([[INF] * 10, [0.1] + [INF] * 9]), np.array([3, 0])
    )
    np.testing.assert_allclose(loss, [math.log(10), 0], rtol=1e-6)
    assert not errors.any()
    assert TTFSSoftmaxCrossEntropy(0.005).predict(*trains([[INF] * 10])).tolist() == [0]


def test_the_parts_are_the_whole_and_the_arguments_stay_as_they_were():
    times, counts = trains([[0.1, INF, 0.3], [0.2, 0.1, 0.1]])
    labels, kept = np.array([1, 2]), times.copy()
    function = TTFSSoftmaxCrossEntropy(0.005)
    loss, errors = function.compute_loss_and_errors(times, counts, labels)
    np.testing.assert_array_equal(loss, function.compute_loss(times, counts, labels))
    np.testing.assert_array_equal(errors, function.compute_errors(times, counts, labels))
    np.testing.assert_array_equal(times, kept)
    assert labels.tolist() == [1, 2]
    assert function.predict(times, counts).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tau": 0}, ValueError, "tau is 0 s: pass the time constant of the softmax"),
        ({"tau": "5 ms"}, TypeError, "tau is '5 ms': pass the time constant"),
        ({"tau": 0.1, "silent_time": INF}, ValueError, "silent_time is inf s: pass the time"),
    ],
)
def test_constants_out_of_range_are_refused_in_words(arguments, error, message):
    with pytest.raises(error, match=message):
        TTFSSoftmaxCrossEntropy(**arguments)


def test_labels_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match="labels go from 3 to 3 but the output layer has 3 neurons: pass 0 to 2"):
        TTFSSoftmaxCrossEntropy(0.1).compute_loss(*trains([[0.1, 0.2, 0.3]]), np.array([3]))
    with pytest.raises(ValueError, match=r"spike times have shape \(1, 3, 1\) but spike counts \(3,\): pass"):
        TTFSSoftmaxCrossEntropy(0.1).predict(np.ones((1, 3, 1)), np.ones(3, int))
