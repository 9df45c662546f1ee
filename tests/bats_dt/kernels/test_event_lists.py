import math

import numpy as np
import pytest

from bats_dt.kernels.event_lists import cpu, event_lists, reference
from bats_dt.kernels.event_lists.sorting import sort_events


@pytest.fixture(params=["cpu", "reference"])
def backend(request, monkeypatch):
    from bats_dt import set_backend

    set_backend(request.param)


def test_trains_worked_by_hand_are_listed_by_time_then_neuron(backend):
    times = np.array([[[0.3, math.inf], [0.1, 0.3]], [[math.inf, math.inf], [0.2, math.inf]]], np.float32)
    events = event_lists(times, np.array([[1, 2], [0, 1]]))
    assert events.offsets.tolist() == [0, 3, 4]
    np.testing.assert_array_equal(events.times, np.array([0.1, 0.3, 0.3, 0.2], np.float32))
    assert events.neurons.tolist() == [1, 0, 1, 1]
    assert events.slots.tolist() == [0, 0, 1, 0]
    assert events.times.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_neurons", [1, 31, 32, 33, 1025])
def test_the_fast_kernel_is_the_reference(random_trains, dtype, n_neurons):
    times, counts = random_trains(np.random.default_rng(n_neurons), 3, n_neurons, 3, dtype)
    for fast, slow in zip(cpu.event_lists(times, counts), reference.event_lists(times, counts), strict=True):
        np.testing.assert_array_equal(fast, slow)


def test_trains_come_back_as_they_were_given(random_trains):
    times, counts = random_trains(np.random.default_rng(0), 4, 20, 3, np.float32)
    back_times, back_counts = event_lists(times, counts).to_trains()
    np.testing.assert_array_equal(back_times, times)
    np.testing.assert_array_equal(back_counts, counts)


@pytest.mark.parametrize(
    "spread", ["even", "clustered", "equal", "one far away", "few values", "descending", "nearly equal"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 500])
def test_sorting_is_by_time_and_neuron_and_stable_however_times_are_spread(spread, n, dtype):
    rng = np.random.default_rng(n)
    times = rng.random(n)
    if spread == "clustered":
        times = 1 + 1e-9 * times
        times[: n // 2] = 1e6
    elif spread == "equal":
        times[:] = 0.25
    elif spread == "one far away" and n:
        times[n // 2] = 1e9
    elif spread == "few values":
        times = np.round(times, 1)
    elif spread == "descending":
        times = np.sort(times)[::-1].copy()
    elif spread == "nearly equal":  # the range of the times is below what can be divided by
        times = np.finfo(dtype).smallest_subnormal * rng.integers(0, 3, n)
    times = times.astype(dtype)
    neurons = rng.integers(0, 5, n).astype(np.int32)
    order, spare = np.empty((2, n), np.int32)
    sort_events(times, neurons, order, spare)
    np.testing.assert_array_equal(order, np.lexsort((np.arange(n), neurons, times)))


@pytest.mark.parametrize(
    ("row", "count", "message"),
    [
        ([0.2, 0.1], 2, "the spike times of sample 1, neuron 2 are not sorted"),
        ([math.inf, 0.1], 1, "the spike times of sample 1, neuron 2 are not sorted"),
        ([math.nan, math.inf], 0, "sample 1, neuron 2 has a spike time of nan"),
        ([-0.5, math.inf], 1, "sample 1, neuron 2 has a spike time of -0.5"),
        ([0.1, math.inf], 2, "sample 1, neuron 2 has 1 finite spike times but a count of 2"),
        ([0.1, 0.2], 1, "sample 1, neuron 2 has 2 finite spike times but a count of 1"),
        ([0.1, 0.2], -1, "a count of -1"),
        ([0.1, 0.2], 2**31 - 1, "a count of 2147483647"),
    ],
)
def test_trains_that_are_none_are_refused_in_words(backend, row, count, message):
    times = np.full((2, 4, 2), math.inf)
    counts = np.zeros((2, 4), np.int32)
    times[1, 2], counts[1, 2] = row, count
    with pytest.raises(ValueError, match=message):
        event_lists(times, counts)


@pytest.mark.parametrize(
    ("times", "counts", "error", "message"),
    [
        (np.zeros((1, 2, 1), int), np.ones((1, 2), int), TypeError, "pass float32 or float64"),
        (np.zeros((1, 2, 1)), np.ones((1, 2)), TypeError, "spike counts have dtype float64: pass integers"),
        (np.zeros((1, 2)), np.ones((1, 2), int), ValueError, "pass .batch, n_neurons, slots."),
        (np.zeros((1, 2, 1)), np.ones((1, 3), int), ValueError, r"pass counts of shape \(1, 2\)"),
    ],
)
def test_arrays_of_another_kind_are_refused_in_words(times, counts, error, message):
    with pytest.raises(error, match=message):
        event_lists(times, counts)


@pytest.mark.parametrize("count", [2**32 + 1, 1 - 2**32])
def test_a_count_that_would_wrap_in_int32_is_refused_as_it_was_given(backend, count):
    with pytest.raises(ValueError, match=f"has 1 finite spike times but a count of {count}:"):
        event_lists(np.ones((1, 1, 1)), np.array([[count]]))
