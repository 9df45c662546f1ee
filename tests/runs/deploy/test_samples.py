"""Samples as networks take them."""

import numpy as np
import pytest

from runs.config import ConfigError
from runs.data import load_mnist, load_nmnist
from runs.deploy.samples import images, recordings


def test_events_are_counted_in_bins_of_dt_fine_steps():
    events = load_nmnist(None, "test")
    fine = recordings(None, "test", steps=50, dt=1, fine_step=1e-3)
    coarse = recordings(None, "test", steps=50, dt=4, fine_step=1e-3)
    assert (fine.steps, coarse.steps, coarse.seconds) == (50, 13, 0.05)
    assert np.array_equal(fine.first(2), events.bin([0, 1], 50))
    assert np.array_equal(coarse.spikes(3), events.bin([3], 50, 4)[0])
    assert np.array_equal(coarse.labels, events.labels) and len(coarse) == len(events)


def test_a_fine_step_that_is_no_whole_microsecond_is_refused():
    with pytest.raises(ConfigError, match=r"the network's fine step is 2\.5e-07 s, but N-MNIST"):
        recordings(None, "test", steps=50, dt=1, fine_step=2.5e-7)


def test_a_pixel_spikes_once_in_the_step_that_begins_at_or_after_its_time():
    pictures = load_mnist(None, "test")
    shown = images(None, "test", steps=31, step=0.01, window=0.1)
    spikes = shown.spikes(0)
    assert spikes.shape == (784, 31) and shown.seconds == pytest.approx(0.31)
    pixels = pictures.images[0].ravel()
    assert np.array_equal(spikes.sum(1), pixels > 0)
    for pixel in (np.argmax(pixels), np.argmin(np.where(pixels > 0, pixels, 255))):
        time = 0.1 * (1 - pixels[pixel] / 255)
        assert np.argmax(spikes[pixel]) == np.ceil(np.float32(time) / 0.01 - 1e-5)


def test_spikes_after_the_last_step_are_left_out():
    assert images(None, "test", steps=5, step=0.01, window=0.1).first(2).shape == (2, 784, 5)


def test_images_are_counted_in_bins_of_dt_steps():
    fine = images(None, "test", steps=121, step=1e-3, window=0.1)
    coarse = images(None, "test", steps=121, step=1e-3, window=0.1, dt=4)
    assert (coarse.steps, coarse.seconds) == (31, fine.seconds)
    padded = np.pad(fine.first(2), ((0, 0), (0, 0), (0, 3)))
    assert np.array_equal(coarse.first(2), padded.reshape(2, 784, 31, 4).sum(-1))
