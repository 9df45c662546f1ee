"""Spike trains in seconds as the steps of a grid, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bats_dt.clocked_neuron import ClockedNeuron
from lava_dt.export.bats.encoding import Steps, decode, encode

INF = np.inf


def test_a_spike_counts_from_the_grid_point_at_or_after_it():
    times = np.array([[[0.0, 0.02, INF], [0.011, 0.0201, INF], [0.03, 0.0301, INF]]], np.float32)
    spikes = encode(times, None, (3,), Steps(0.01), 0.03)
    assert spikes.dtype == torch.float32
    np.testing.assert_array_equal(spikes[0], [[1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]])


def test_in_a_clocked_layer_it_counts_from_the_grid_point_at_or_before_it():
    steps = Steps(0.01, ClockedNeuron(0.01, 0.1, 0.1, 1.0))
    times = np.array([[[0.0, 0.02, INF], [0.011, 0.0201, INF], [0.03, 0.0301, 0.04]]], np.float32)
    np.testing.assert_array_equal(encode(times, None, (3,), steps, 0.03)[0], [[1, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 2]])


def test_counts_say_which_spikes_are_taken_and_those_of_one_step_are_added_up():
    times = np.array([[[0.001, 0.002, 0.003]], [[0.001, 0.002, 0.003]]])
    spikes = encode(times, np.array([[3], [2]]), (1,), Steps(0.01), 0.02)
    np.testing.assert_array_equal(spikes[:, 0], [[0, 3, 0], [0, 2, 0]])


def test_maps_become_images_and_outputs_come_back_in_bats_order():
    rng = np.random.default_rng(0)
    x, y, channels, last = 3, 4, 2, 6
    times = 0.01 * rng.integers(0, last + 1, (2, x * y * channels, 1)).astype(np.float32)
    spikes = encode(times, None, (channels, x, y), Steps(0.01), 0.06)
    assert spikes.shape == (2, channels, x, y, last + 1)
    assert spikes[1, 1, 2, 3, round(float(times[1, (2 * y + 3) * channels + 1, 0]) * 100)] == 1
    back, counts = decode(spikes, 0.01, None)
    np.testing.assert_allclose(back, times, atol=1e-7)
    assert counts.dtype == np.int32
    assert (counts == 1).all()


def test_trains_end_with_inf_and_with_the_spikes_that_are_kept():
    spikes = torch.tensor([[[0, 1, 1, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]]])
    times, counts = decode(spikes, 0.5, None)
    np.testing.assert_array_equal(counts, [[3, 0, 1]])
    np.testing.assert_array_equal(times[0], [[0.5, 1, 2], [INF, INF, INF], [1.5, INF, INF]])
    times, counts = decode(spikes, 0.5, 1)
    np.testing.assert_array_equal(counts, [[1, 0, 1]])
    np.testing.assert_array_equal(times[0], [[0.5], [INF], [1.5]])


@pytest.mark.parametrize(
    ("duration", "dt", "last"), [(0.3, 0.002, 150), (0.3, 0.01, 30), (0.3, 0.04, 7), (0.1, 0.1, 1)]
)
def test_a_simulation_ends_with_the_last_grid_point_in_it(duration, dt, last):
    assert Steps(dt).last(duration) == last
    assert Steps(dt, ClockedNeuron(dt, 0.1, 0.1, 1.0)).last(duration) == last


def test_clocked_layers_may_end_earlier():
    steps = Steps(0.01, ClockedNeuron(0.01, 0.1, 0.1, 1.0), 0.05)
    assert steps.last(0.3) == steps.last(None) == 5


def test_trains_that_do_not_fit_are_refused():
    times = np.zeros((2, 3, 1))
    for given, counts, duration, text in (
        (times, None, math.inf, "duration is inf s with dt = 0.01 s: pass the end"),
        (times, None, 0.001, "duration is 0.001 s with dt = 0.01 s"),
        (times, None, None, "duration is None s"),
        (times[:, :2], None, 0.1, r"times has shape \(2, 2, 1\): pass \(batch, 3, slots\)"),
        (times, np.zeros((2, 2)), 0.1, r"counts has shape \(2, 2\) but times \(2, 3, 1\): pass \(2, 3\)"),
        (times - 1, None, 0.1, "times has a spike at -1.0 s: pass times from 0 s on"),
    ):
        with pytest.raises(ValueError, match=text):
            encode(given, counts, (3,), Steps(0.01), duration)
    with pytest.raises(TypeError, match="times has dtype int64: pass seconds in floating point"):
        encode(times.astype(np.int64), None, (3,), Steps(0.01), 0.1)
