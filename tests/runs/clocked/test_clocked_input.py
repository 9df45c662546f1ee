"""Images as random spikes, sorted as layers take them."""

import numpy as np
import pytest

from runs.data import load_mnist
from runs.data.encodings import Rate
from runs.data.load import load_events
from runs.training.clocked_input import rate_coded, step_chances


@pytest.fixture(scope="module")
def images():
    return load_mnist(None, "train").images


def coded(images, samples, *, rate=1.0, rate_per="step", dt=0.01, steps=50, seed=0, epoch=1):
    chances = step_chances(rate, rate_per, dt)
    return rate_coded(images[samples], samples, chances=chances, steps=steps, dt=dt, seed=seed, epoch=epoch)


def test_they_are_the_draws_of_the_encoding_rate(images):
    samples = np.array([3, 0, 77])
    events = coded(images, samples, rate=0.7, steps=20, seed=5, epoch=2)
    code = Rate(steps=20, dt=0.01, peak=0.7, seed=5)
    times, counts = load_events("mnist", "train", encoding=code).at_epoch(2).spike_trains(samples)
    found, found_counts = events.to_trains()
    np.testing.assert_array_equal(found_counts, counts)
    np.testing.assert_array_equal(found[:, :, : times.shape[2]], times)


def test_they_are_sorted_and_slots_count_a_neuron_s_spikes(images):
    events = coded(images, np.arange(4))
    for begin, end in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        place = np.lexsort((events.neurons[begin:end], events.times[begin:end]))
        np.testing.assert_array_equal(place, np.arange(end - begin))
    trains, counts = events.to_trains()
    later = np.isfinite(trains[:, :, 1:])
    assert (trains[:, :, 1:][later] > trains[:, :, :-1][later]).all()
    np.testing.assert_array_equal(np.isfinite(trains).sum(axis=2), counts)


def test_a_pixel_spikes_as_often_as_it_is_bright(images):
    """The mean over 200 steps of a chance p has a deviation of at most 0.036; 6 of them for 5 x 784 pixels."""
    samples = np.arange(5)
    counts = coded(images, samples, steps=200).counts()
    pixels = images[samples].reshape(5, -1) / 255
    assert np.abs(counts / 200 - pixels).max() < 0.22
    assert np.abs(counts / 200 - pixels).mean() < 0.01
    assert (counts[pixels == 0] == 0).all() and (counts[pixels == 1] == 200).all()


def test_a_sample_s_spikes_do_not_depend_on_its_batch_and_differ_by_epoch_and_seed(images):
    alone, among = coded(images, np.array([7])), coded(images, np.array([1, 7, 2]))
    part = slice(among.offsets[1], among.offsets[2])
    np.testing.assert_array_equal(alone.times, among.times[part])
    np.testing.assert_array_equal(alone.neurons, among.neurons[part])
    for other in ({"epoch": 2}, {"seed": 1}):
        assert not np.array_equal(alone.counts(), coded(images, np.array([7]), **other).counts())


def test_a_rate_per_second_is_a_poisson_process_looked_at_in_steps():
    np.testing.assert_allclose(step_chances(200.0, "second", 0.01)[[0, 51, 255]], [0, 1 - np.exp(-0.4), 1 - np.exp(-2)])
    np.testing.assert_allclose(step_chances(0.5, "step", 0.01)[[0, 51, 255]], [0, 0.1, 0.5])


def test_an_empty_batch_and_black_images_have_no_spikes():
    for batch in (0, 2):
        events = coded(np.zeros((2, 28, 28), np.uint8), np.arange(batch))
        assert events.batch == batch and len(events.times) == 0
