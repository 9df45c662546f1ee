"""Counts of events in half-open bins: none lost, none twice, at any dt."""

import dataclasses

import numpy as np
import pytest

from runs.data import Recordings, load_nmnist

STEPS = 300
DTS = (1, 2, 3, 7, 10, 300, 1000)


def made_up(times, x=None, y=None, polarity=None, offsets=None):
    """Recordings of the given times; one recording at pixel (0, 0) unless told otherwise."""
    n = len(times)
    zeros = np.zeros(n, dtype=np.uint8)
    return Recordings(
        t=np.asarray(times, dtype=np.int32),
        x=zeros if x is None else np.asarray(x, dtype=np.uint8),
        y=zeros if y is None else np.asarray(y, dtype=np.uint8),
        polarity=zeros if polarity is None else np.asarray(polarity, dtype=np.uint8),
        offsets=np.asarray([0, n] if offsets is None else offsets, dtype=np.int64),
        labels=np.zeros(1 if offsets is None else len(offsets) - 1, dtype=np.int64),
    )


@pytest.fixture(scope="module")
def shipped():
    return load_nmnist(None, "test")


@pytest.mark.parametrize("dt", DTS)
def test_bins_sum_to_the_events_in_the_window_at_every_dt(shipped, dt):
    rows = [3, 0, 41]
    binned = shipped.bin(rows, STEPS, dt)
    assert binned.shape == (3, 2 * 34 * 34, -(-STEPS // dt))
    assert binned.dtype == np.float32
    for count, row in zip(binned, rows, strict=True):
        t = shipped.t[shipped.offsets[row] : shipped.offsets[row + 1]]
        assert count.sum() == np.count_nonzero(t < STEPS * 1000) > 0


@pytest.mark.parametrize("dt", DTS)
def test_a_coarse_bin_is_the_sum_of_its_fine_bins(shipped, dt):
    fine = shipped.bin(slice(0, 4), STEPS)
    summed = np.add.reduceat(fine, np.arange(0, STEPS, dt), axis=-1)
    np.testing.assert_array_equal(shipped.bin(slice(0, 4), STEPS, dt), summed)


@pytest.mark.parametrize("dt", DTS)
def test_fast_binning_equals_a_loop_over_the_events(shipped, dt):
    row = 7
    expected = np.zeros((2 * 34 * 34, -(-STEPS // dt)), dtype=np.float32)
    for i in range(shipped.offsets[row], shipped.offsets[row + 1]):
        if shipped.t[i] < STEPS * 1000:
            channel = (int(shipped.polarity[i]) * 34 + int(shipped.y[i])) * 34 + int(shipped.x[i])
            expected[channel, shipped.t[i] // (dt * 1000)] += 1
    np.testing.assert_array_equal(shipped.bin([row], STEPS, dt)[0], expected)


@pytest.mark.parametrize("dt", [1, 7, 400])
def test_listed_events_count_up_to_the_bins(shipped, dt):
    cells, shape = shipped.listed([3, 0], 300, dt)
    counted = np.zeros(shape, np.float32)
    np.add.at(counted, tuple(cells), 1)
    assert np.array_equal(counted, shipped.bin([3, 0], 300, dt)) and counted.sum() == cells.shape[1] > 0


def test_bins_are_half_open():
    recording = made_up([0, 999, 1000, 1999, 2000, 4999, 5000])
    np.testing.assert_array_equal(recording.bin([0], 5)[0, 0], [2, 2, 1, 0, 1])
    np.testing.assert_array_equal(recording.bin([0], 5, dt=2)[0, 0], [4, 1, 1])
    np.testing.assert_array_equal(recording.bin([0], 5, dt=1000)[0, 0], [6])
    np.testing.assert_array_equal(recording.bin([0], 2, step_us=2500)[0, 0], [5, 1])


def test_events_before_zero_are_outside_the_window():
    np.testing.assert_array_equal(made_up([-1, 0]).bin([0], 2)[0, 0], [1, 0])


def test_a_channel_is_polarity_then_row_then_column():
    recording = made_up([10, 20, 30], x=[1, 0, 33], y=[0, 1, 33], polarity=[0, 0, 1])
    np.testing.assert_array_equal(np.flatnonzero(recording.bin([0], 1)[0, :, 0]), [1, 34, 2 * 34 * 34 - 1])
    assert recording.channels == 2312


def test_saturated_bins_hold_zero_or_one(shipped):
    counts = shipped.bin([0, 1], STEPS, 10)
    assert counts.max() > 1
    np.testing.assert_array_equal(shipped.bin([0, 1], STEPS, 10, saturate=True), np.minimum(counts, 1))


def test_a_recording_without_events_and_no_recording_at_all_are_binned():
    recordings = made_up([5, 6], offsets=[0, 0, 2, 2])
    np.testing.assert_array_equal(recordings.bin([0, 1, 2], 1).sum(axis=(1, 2)), [0, 2, 0])
    assert recordings.bin([], 3).shape == (0, 2312, 3)
    assert len(recordings.take(np.array([]))) == 0


def test_a_window_beyond_32_bits_of_microseconds_is_binned():
    assert made_up([0, 2**31 - 1]).bin([0], 4_000_000, dt=2_000_000)[0, 0].tolist() == [1, 1]


def test_take_keeps_order_and_repeats(shipped):
    rows = [5, 2, 2, -1]
    taken = shipped.take(rows)
    assert len(taken) == 4
    np.testing.assert_array_equal(taken.labels, shipped.labels[rows])
    np.testing.assert_array_equal(taken.bin(range(4), STEPS, 7), shipped.bin(rows, STEPS, 7))
    mask = np.arange(len(shipped)) < 2
    np.testing.assert_array_equal(shipped.take(mask).t, shipped.take(slice(2)).t)


def test_a_recording_that_is_not_there_is_an_index_error(shipped):
    with pytest.raises(IndexError):
        shipped.bin([len(shipped)], STEPS)


@pytest.mark.parametrize("name", ["steps", "dt", "step_us"])
def test_lengths_below_one_or_not_whole_are_refused(name):
    arguments = {"steps": 3, "dt": 1, "step_us": 1000}
    with pytest.raises(ValueError, match=f"{name} came as 0: pass a whole number of 1 or more"):
        made_up([0]).bin([0], **{**arguments, name: 0})
    with pytest.raises(TypeError, match=rf"{name} came as 2\.5: pass a whole number of 1 or more"):
        made_up([0]).bin([0], **{**arguments, name: 2.5})


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"pass four arrays of one shape \(n_events,\)"):
        made_up([1, 2], x=[0])
    with pytest.raises(ValueError, match=r"offsets has shape \(1,\) for 1 labels: pass shape \(2,\)"):
        dataclasses.replace(made_up([]), offsets=np.zeros(1, dtype=np.int64))
    with pytest.raises(ValueError, match="offsets run from 0 to 1 for 2 events: they must start at 0"):
        made_up([1, 2], offsets=[0, 1])
    with pytest.raises(ValueError, match=r"x runs from 0 to 34 but the camera has shape \(2, 34, 34\): x must lie"):
        made_up([1, 2], x=[0, 34])
    with pytest.raises(ValueError, match=r"polarity must lie in 0 \.\.\. 1"):
        made_up([1], polarity=[2])
