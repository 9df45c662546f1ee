"""A membrane that is much faster than its synapse fires on for hundreds of its time constants after the last input:
what lies so far behind is lost in rounding, but not what one spike owes to the reset of the one before it."""

import math

import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_gradients import cpu, reference, spike_gradients
from bats_dt.kernels.spike_times import spike_times
from bats_dt.neuron import Neuron

TAU = 1.0
GRIDS = [None, TimeGrid(0.002), TimeGrid(0.05, "detect")]


def fired_on(dtype, grid, ratio):
    """One input, after which the potential stays near twice and four times the threshold for some TAU."""
    neuron = Neuron(TAU, 1.0, 1.0, ratio * TAU)
    times = np.zeros((1, 1, 1), dtype)
    inputs = event_lists(times, np.ones((1, 1), np.int32))
    weights = (np.array([[2.0, 4.0]]) / neuron.tau_mem).astype(dtype)
    return spike_times(inputs, weights, neuron, math.inf, 800, grid), inputs, weights, neuron


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.rule if grid else "exact")
@pytest.mark.parametrize("ratio", [0.01, 0.002], ids=["0.01", "0.002"])
def test_spikes_hundreds_of_membrane_constants_after_the_last_input_have_the_gradients_of_the_reference(
    ratio, grid, dtype, gradient_tolerance
):
    spikes, *layer = fired_on(dtype, grid, ratio)
    assert spikes.since_input.max() > 100 * layer[-1].tau_mem  # whose exponential float32 does not hold
    errors = np.random.default_rng(1).normal(size=len(spikes.events.times)).astype(dtype)
    fast = cpu.spike_gradients(errors, spikes, *layer, 1, True)
    plain = reference.spike_gradients(errors, spikes, *layer, 1, True)
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=gradient_tolerance[dtype] * np.abs(other).max())


def test_so_has_the_gpu(on_cuda, gradient_tolerance):
    spikes, *layer = fired_on(np.float32, None, 0.01)
    errors = np.random.default_rng(1).normal(size=len(spikes.events.times)).astype(np.float32)
    there = on_cuda(spike_gradients, errors, spikes, *layer, 1, True)
    plain = reference.spike_gradients(errors, spikes, *layer, 1, True)
    for one, other in zip(there, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=gradient_tolerance[np.float32] * np.abs(other).max())
