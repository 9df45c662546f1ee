"""Spike times of pixels, by hand."""

import numpy as np
import pytest

from runs.data import Images, latency_times


def test_brighter_pixels_spike_earlier_and_black_ones_never():
    pixels = np.array([[[0, 255], [51, 204]]], dtype=np.uint8)
    times = latency_times(pixels, window=0.1)
    assert times.dtype == np.float32
    np.testing.assert_array_equal(times, np.array([[np.inf, 0.0, 0.08, 0.02]], dtype=np.float32))


def test_every_value_is_the_float64_formula_rounded_once():
    p = np.arange(1, 256)
    times = latency_times(p.astype(np.uint8)[None], window=0.3)
    np.testing.assert_array_equal(times[0], (0.3 * (1.0 - p / 255.0)).astype(np.float32))
    assert (np.diff(times[0]) < 0).all()


def test_images_give_one_row_an_image():
    images = Images(np.zeros((3, 28, 28), dtype=np.uint8), np.zeros(3, dtype=np.int64))
    assert latency_times(images).shape == (3, 784)
    assert np.isinf(latency_times(images)).all()
    assert latency_times(images.take([])).shape == (0, 784)


@pytest.mark.parametrize("window", [0.0, -0.1, float("inf"), float("nan")])
def test_a_window_that_is_no_time_is_refused(window):
    with pytest.raises(ValueError, match=r"window came as .*: pass a positive time in seconds"):
        latency_times(np.zeros((1, 4), dtype=np.uint8), window)


def test_pixels_that_are_not_bytes_are_refused():
    with pytest.raises(TypeError, match=r"pixels came as float64: pass uint8 values 0 \.\.\. 255"):
        latency_times(np.zeros((1, 4)))


def test_the_published_loader_wakes_black_pixels_and_moves_the_others_by_next_to_nothing():
    pixels = np.arange(256, dtype=np.uint8)[None]
    plain, distorted = latency_times(pixels)[0], latency_times(pixels, published_dt=0.006)[0]
    assert distorted[0] == np.float32(0.1 * (1 - 0.006 / 255))  # 0 becomes dt
    assert distorted[255] == 0.0
    assert np.all(distorted[1:] <= plain[1:])
    assert np.all(plain[1:] - distorted[1:] <= 0.1 * 0.006 / 255 + 1e-8)  # 1e-8: float32 at 0.1


def test_the_published_loader_distorts_nothing_at_a_step_of_a_millisecond():
    pixels = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(latency_times(pixels, published_dt=0.001), latency_times(pixels))


def test_a_published_step_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match=r"published_dt came as 0.0: pass a positive time in seconds, such as 0.002"):
        latency_times(np.zeros((1, 4), dtype=np.uint8), published_dt=0.0)
