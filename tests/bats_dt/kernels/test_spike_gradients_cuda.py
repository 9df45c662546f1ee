"""The backward pass on a GPU, or by the same source on the CPU, against the Numba kernel and the reference."""

import math

import numpy as np
import pytest

from bats_dt.grid import RULES, TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_gradients import cpu, cuda, reference
from bats_dt.kernels.spike_times import cpu as forward
from bats_dt.neuron import Neuron

TAUS = {"2 tau_syn": None, "tau_syn": 0.13, "shorter": 0.05, "longer": 1.0, "nearly tau_syn": 0.13 * (1 + 1e-9)}
GRIDS = {"exact": None} | {rule: TimeGrid(0.01, rule) for rule in RULES}

CASES = [
    pytest.param(tau_mem, grid, id=f"{name}, {kind}")
    for name, tau_mem in TAUS.items()
    for kind, grid in GRIDS.items()
    if tau_mem is None or kind != "published"  # which is for tau_mem = 2 tau_syn only
]


def emit(trains, weights, neuron, grid=None, end=0.3):
    inputs = event_lists(*trains)
    return inputs, forward.spike_times(inputs, weights, neuron, end, 20, grid)


def assert_close(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert np.abs(one - other).max(initial=0) <= tolerance * np.abs(other).max(initial=0)


@pytest.mark.parametrize(("tau_mem", "grid"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_those_of_the_cpu_and_of_the_reference(
    on_cuda, random_trains, gradient_tolerance, tau_mem, grid, dtype
):
    rng, neuron = np.random.default_rng(1), Neuron(0.13, 0.2, 0.2, tau_mem)
    weights = rng.uniform(-1, 3, (10, 14)).astype(dtype)
    inputs, spikes = emit(random_trains(rng, 5, 10, 2, dtype), weights, neuron, grid)
    errors = rng.normal(size=len(spikes.events.times)).astype(dtype)
    for parts in (1, 2, 5):
        arguments = errors, spikes, inputs, weights, neuron, parts, True
        found = on_cuda(cuda.spike_gradients, *arguments)
        assert_close(found, cpu.spike_gradients(*arguments), gradient_tolerance[dtype])
    assert_close(found, reference.spike_gradients(*arguments), gradient_tolerance[dtype])


@pytest.mark.parametrize("n_post", [1, 31, 32, 33, 1025])
@pytest.mark.parametrize("n_pre", [1, 33])
def test_any_number_of_neurons_gives_the_gradients_of_the_cpu(on_cuda, random_trains, n_pre, n_post):
    rng, neuron = np.random.default_rng(n_post), Neuron(0.13, 0.2, 0.2)
    weights = rng.uniform(-1, 3, (n_pre, n_post))
    inputs, spikes = emit(random_trains(rng, 3, n_pre, 2), weights, neuron)
    arguments = rng.normal(size=len(spikes.events.times)), spikes, inputs, weights, neuron, 1, True
    assert_close(on_cuda(cuda.spike_gradients, *arguments), cpu.spike_gradients(*arguments), 1e-12)


@pytest.mark.parametrize("parts", [1, 4, 9])
def test_tiles_of_the_batch_do_not_change_a_bit(on_cuda, random_trains, monkeypatch, parts):
    rng, neuron = np.random.default_rng(5), Neuron(0.13, 0.2, 0.2)
    weights = rng.uniform(-1, 2, (30, 40)).astype(np.float32)
    inputs, spikes = emit(random_trains(rng, 9, 30, 2, np.float32), weights, neuron)
    errors = rng.normal(size=len(spikes.events.times)).astype(np.float32)
    for splits_below in (1, 2**16):  # one sum an input, or one a sample
        monkeypatch.setattr(cuda, "LEAST_THREADS", splits_below)
        results = []
        for tile_bytes in (2**28, 20_000, 1):
            monkeypatch.setattr(cuda, "TILE_BYTES", tile_bytes)
            results.append(on_cuda(cuda.spike_gradients, errors, spikes, inputs, weights, neuron, parts, True))
        for other in results[1:]:
            for one, two in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(one, two)


def test_a_tile_holds_as_many_samples_as_fit_and_one_at_least(monkeypatch):
    monkeypatch.setattr(cuda, "TILE_BYTES", 100)
    tiles = list(cuda._tiles(np.array([0, 4, 8, 30, 31, 31, 41]), 41, 10))
    assert [(s.start, s.stop, e.start, e.stop) for s, e in tiles] == [
        (0, 2, 0, 8), (2, 3, 8, 30), (3, 5, 30, 31), (5, 6, 31, 41),
    ]  # fmt: skip


def test_an_empty_batch_and_a_silent_one_have_zero_gradients(on_cuda, random_trains):
    neuron = Neuron(0.13, 0.2, 0.2)
    for batch, weight in ((0, 3.0), (2, -1.0)):
        weights = np.full((5, 3), weight)
        inputs, spikes = emit(random_trains(np.random.default_rng(0), batch, 5, 1), weights, neuron)
        for parts in (1, batch):
            found = on_cuda(cuda.spike_gradients, np.empty(0), spikes, inputs, weights, neuron, parts, True)
            assert found[0].shape == (parts, 5, 3)
            assert not found[0].any()
            assert found[1].shape == inputs.times.shape
            assert not found[1].any()


def test_input_errors_are_made_only_if_asked_for(on_cuda, one_spike_inputs):
    unit = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)
    inputs, spikes = emit(one_spike_inputs([0.0]), np.array([[4.5]]), unit, end=math.inf)
    gradient, none = on_cuda(cuda.spike_gradients, np.array([3.0]), spikes, inputs, np.array([[4.5]]), unit, 1, False)
    np.testing.assert_allclose(gradient, [[[-3 * 4 / 9]]])  # y = 2/3, slope 1: dt/dw = 2 (4/9 - 2/3)
    assert none is None
