"""`EventSet`: bins, lists and spike trains of the same events, of any source."""

import dataclasses

import numpy as np
import pytest

from bats_dt.kernels.threads import use_threads
from runs.data import EventSet, Latency, Rate, latency_times, load_events, load_mnist, load_nmnist
from runs.data.source import StoredEvents


def made_up(ticks, channels=None, offsets=None, tick=1e-3, shape=(2, 3, 1), start=0.0, duration=0.01):
    ticks = np.asarray(ticks, np.int32)
    offsets = np.asarray([0, len(ticks)] if offsets is None else offsets, np.int64)
    source = StoredEvents(
        ticks=ticks,
        channels=np.asarray(np.zeros(len(ticks)) if channels is None else channels, np.uint16),
        offsets=offsets,
        labels=np.zeros(len(offsets) - 1, np.int64),
        name="made up",
        shape=shape,
        n_classes=2,
        tick=tick,
        duration=duration,
    )
    return EventSet(source, np.arange(len(source.labels)), start, duration)


@pytest.fixture(scope="module")
def recordings():
    return load_nmnist(None, "test")


@pytest.fixture(scope="module")
def nmnist():
    return load_events("nmnist", "test")


@pytest.fixture(scope="module")
def images():
    return load_mnist(None, "test")


@pytest.mark.parametrize("per_bin", [1, 7, 10, 1000])
def test_bins_and_lists_of_nmnist_are_those_of_its_recordings(nmnist, recordings, per_bin):
    rows = [3, 0, 41]
    np.testing.assert_array_equal(nmnist.bin(rows, 300, per_bin), recordings.bin(rows, 300, per_bin))
    cells, shape = nmnist.listed(rows, 300, per_bin)
    expected, expected_shape = recordings.listed(rows, 300, per_bin)
    np.testing.assert_array_equal(cells, expected)
    assert shape == expected_shape and cells.dtype == np.int64


def test_spike_trains_hold_every_event_sorted_with_inf_behind(nmnist, recordings):
    times, counts = nmnist.spike_trains([5, 2])
    assert times.dtype == np.float32 and counts.dtype == np.int32 and times.shape[:2] == counts.shape == (2, 2312)
    assert times.shape[2] == counts.max()
    filled = np.arange(times.shape[2]) < counts[..., None]
    assert np.isfinite(times[filled]).all() and np.isinf(times[~filled]).all()
    assert all(
        np.all(np.diff(row[:n]) >= 0) for row, n in zip(times.reshape(-1, times.shape[2]), counts.ravel(), strict=True)
    )
    t = recordings.t[recordings.offsets[5] : recordings.offsets[6]]
    np.testing.assert_array_equal(np.sort(times[0][filled[0]]), (t[t < 300_000] * 1e-6).astype(np.float32))


@pytest.mark.parametrize("window", [0.1, 0.3])
def test_latency_trains_are_the_times_of_the_encoding(images, window):
    events = load_events("mnist", "test", encoding=Latency(window=window))
    times, counts = events.spike_trains([7, 1, 900])
    expected = latency_times(images.images[[7, 1, 900]], window)
    np.testing.assert_array_equal(times[..., 0], expected)
    np.testing.assert_array_equal(counts, np.isfinite(expected))
    assert times.shape == (3, 784, 1) and events.duration == window and events.shape == (28, 28, 1)


def test_an_event_on_the_edge_of_a_bin_belongs_to_the_one_that_begins_there():
    ticks = np.arange(300)
    for step in (1e-3, 0.1 / 3, 0.7e-3):
        np.testing.assert_array_equal(made_up(ticks, tick=step).bin([0], 300, 1, step)[0, 0], np.ones(300))
        np.testing.assert_array_equal(made_up(ticks, tick=step).bin([0], 299, 10, step)[0, 0], [10] * 29 + [9])


def test_a_channel_keeps_its_first_spikes_where_there_is_room_for_few():
    events = made_up([1, 2, 3, 4], [5, 0, 5, 5])
    times, counts = events.spike_trains([0], max_spikes=2)
    np.testing.assert_allclose(times[0, 5], [0.001, 0.003], rtol=1e-6)
    assert counts.tolist() == [[1, 0, 0, 0, 0, 2]]
    assert events.lost_spikes([0], 2) == 1 and events.event_counts([0]).tolist() == [[1, 0, 0, 0, 0, 3]]
    assert made_up([], []).spike_trains([0])[0].shape == (1, 6, 1)


def test_a_window_leaves_out_what_is_before_and_after_and_begins_at_zero():
    events = made_up([0, 2, 3, 6, 7], start=0.002, duration=0.005)
    times, counts = events.spike_trains([0])
    np.testing.assert_allclose(times[0, 0], [0, 0.001, 0.004], atol=1e-9)
    assert counts[0, 0] == 3
    assert events.bin([0], 6)[0, 0].tolist() == [1, 1, 0, 0, 1, 1]


def test_take_is_lazy_and_keeps_order_and_repeats(nmnist):
    some = nmnist.take(slice(10, 20)).take([3, 3, 0])
    assert len(some) == 3 and some.source is nmnist.source
    np.testing.assert_array_equal(some.labels, nmnist.labels[[13, 13, 10]])
    np.testing.assert_array_equal(some.bin([0, 2], 300, 10), nmnist.bin([13, 10], 300, 10))
    assert nmnist.bin([], 3).shape == (0, 2312, 3) and nmnist.listed([], 3)[0].shape == (3, 0)
    assert len(load_events("nmnist", "test", limit=4)) == 4
    assert len(load_events("nmnist", "test", limit=0)) == 0
    with pytest.raises(ValueError, match=r"limit came as -1: pass a number of samples, 0 or more, or None for all"):
        load_events("mnist", "test", limit=-1)


def test_the_checksum_tells_content_order_labels_and_encoding_apart(nmnist):
    same = load_events("nmnist", "test")
    assert nmnist.crc32 == same.crc32
    sets = [nmnist, nmnist.take([1, 0]), nmnist.take([0, 1]), load_events("nmnist", "train", limit=2)]
    sets += [
        load_events("mnist", "test", limit=9, encoding=code) for code in (None, "rate", Rate(seed=1), Rate(dt=0.1))
    ]
    relabelled = dataclasses.replace(nmnist.source, labels=nmnist.source.labels + 1)
    sets.append(dataclasses.replace(nmnist, source=relabelled))
    assert len({events.crc32 for events in sets}) == len(sets)


def test_poisson_trains_spike_as_often_as_pixels_are_bright(images):
    # 784 * 200 pixels in 50 steps: the mean of 7.8 million draws; its deviation is below 2e-4
    events = load_events("mnist", "test", encoding=Rate(steps=50, peak=0.4), limit=200)
    counts = events.event_counts(slice(None))
    assert counts.mean() / 50 == pytest.approx(0.4 * images.images[:200].mean() / 255, abs=5e-4)
    assert not counts[images.images[:200].reshape(200, -1) == 0].any()
    certain = load_events("mnist", "test", encoding="rate", dt=0.1, limit=1)
    white = images.images[0].ravel() == 255
    assert certain.duration == 5.0 and (certain.event_counts([0])[0, white] == 50).all()


def test_poisson_draws_follow_from_seed_sample_and_epoch_alone():
    events = load_events("mnist", "test", encoding="rate")
    drawn = events.bin([4, 9], 50)
    np.testing.assert_array_equal(drawn[1], events.take([9]).bin([0], 50)[0])
    with use_threads(3):
        np.testing.assert_array_equal(drawn, events.bin([4, 9], 50))
    longer = load_events("mnist", "test", encoding=Rate(steps=80))
    np.testing.assert_array_equal(longer.bin([4, 9], 50), drawn)
    others = [events.at_epoch(1), load_events("mnist", "test", encoding="rate", seed=1)]
    assert not any(np.array_equal(other.bin([4, 9], 50), drawn) for other in others)
    lit = drawn[0].sum(-1) > 0
    agreement = np.mean(others[0].bin([4], 50)[0, lit] == drawn[0, lit])
    assert agreement < 0.9  # independent draws of the same probabilities


def test_a_poisson_train_is_memoryless(images):
    # pixels of middle brightness: the chance of a spike after a spike is that of any spike
    events = load_events("mnist", "test", encoding=Rate(steps=1000), limit=4)
    spikes = events.bin(slice(None), 1000)
    middle = (images.images[:4].reshape(4, -1) > 100) & (images.images[:4].reshape(4, -1) < 156)
    train = spikes[middle] - images.images[:4].reshape(4, -1)[middle][:, None] / 255
    assert train.shape[0] > 40 and abs(np.mean(train[:, 1:] * train[:, :-1])) < 0.01  # 40,000 products of deviation 1/4


def test_lengths_that_are_not_positive_or_not_whole_are_refused(nmnist):
    with pytest.raises(ValueError, match="steps came as 0: pass a whole number of 1 or more"):
        nmnist.bin([0], 0)
    with pytest.raises(TypeError, match=r"per_bin came as 2\.5: pass a whole number"):
        nmnist.listed([0], 3, 2.5)
    with pytest.raises(ValueError, match=r"step came as 0\.0: pass a positive time in seconds, such as 0.001"):
        nmnist.bin([0], 3, 1, 0.0)
    with pytest.raises(ValueError, match="max_spikes came as -1: pass a whole number of 1 or more"):
        nmnist.spike_trains([0], -1)
    with pytest.raises(IndexError):
        nmnist.bin([len(nmnist)], 3)


def test_arguments_that_do_not_fit_the_data_set_are_refused():
    with pytest.raises(ValueError, match="nmnist holds events already: leave out encoding and dt"):
        load_events("nmnist", "test", encoding="rate")
    with pytest.raises(ValueError, match="mnist holds images, which have no start and end"):
        load_events("mnist", "test", end=0.1)
    with pytest.raises(ValueError, match=r"start is 0\.4 and end is 0\.3: pass seconds with 0 <= start < end"):
        load_events("nmnist", "test", start=0.4)
    with pytest.raises(ValueError, match=r"dt is 0\.1, but only the encoding 'rate'"):
        load_events("mnist", "test", dt=0.1)
    with pytest.raises(ValueError, match="encoding came as 'morse': pass 'latency', 'rate'"):
        load_events("mnist", "test", encoding="morse")
    with pytest.raises(ValueError, match="dataset came as 'cifar': pass one of mnist"):
        load_events("cifar", "test")


def test_encodings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="window came as 0: pass a positive time"):
        Latency(window=0)
    for wrong, said in (
        ({"steps": 0}, "steps came as 0"),
        ({"dt": 0.0}, "dt came as 0"),
        ({"seed": -1}, "seed came as -1"),
    ):
        with pytest.raises(ValueError, match=said):
            Rate(**wrong)
    with pytest.raises(ValueError, match=r"peak came as 1\.5: it is a probability"):
        Rate(peak=1.5)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"ticks and channels have shapes \(1,\) and \(2,\)"):
        made_up([1], [1, 2])
    with pytest.raises(ValueError, match="offsets run from 0 to 1 for 2 events: they must start at 0"):
        made_up([1, 2], offsets=[0, 1])
    with pytest.raises(ValueError, match="channels run from 6 to 6"):
        made_up([1], [6])
