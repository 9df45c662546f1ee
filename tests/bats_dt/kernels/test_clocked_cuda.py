"""A clocked layer on a GPU, or by the same sources on the CPU, against the Numba kernels."""

import itertools

import numpy as np
import pytest

from bats_dt.clocked_neuron import ESTIMATORS, RESETS, ClockedNeuron
from bats_dt.discretization import SCHEMES
from bats_dt.kernels.clocked_gradients import cpu as gradients_cpu
from bats_dt.kernels.clocked_gradients import cuda as gradients_cuda
from bats_dt.kernels.clocked_spikes import clocked_spikes, cpu, cuda
from bats_dt.kernels.event_lists import event_lists

DT, STEPS = 0.02, 25
INTEGERS = ("offsets", "steps", "neurons", "kept", "input_steps", "lost", "bounded", "diverged")
ROUNDING = 1e-12  # of float64 in sums of some ten terms, over dt


def neuron_with(**given):
    return ClockedNeuron(
        **{"dt": DT, "tau_syn": 0.1, "tau_mem": 0.2, "threshold": 0.3, "resistance": 0.2, "v_reset": 0.1, **given}
    )


def lively(rng, random_trains, batch=4, n_post=7, largest=1.5, n_pre=10):
    times, counts = random_trains(rng, batch, n_pre, 3)
    return event_lists(6 * times, counts), rng.uniform(-0.4, largest, (n_pre, n_post))


def assert_same(found, expected):
    for name in ("offsets", "times", "neurons", "slots"):
        one, other = getattr(found.events, name), getattr(expected.events, name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    for name in INTEGERS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for name in ("slopes", "drops"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=ROUNDING / DT)


def assert_close(found, expected, tolerance=ROUNDING):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert np.abs(one - other).max(initial=0) <= tolerance * np.abs(other).max(initial=0)


@pytest.mark.parametrize(("scheme", "reset", "estimator"), [*itertools.product(SCHEMES, RESETS, ESTIMATORS)])
def test_spikes_traces_and_gradients_are_those_of_the_cpu(on_cuda, random_trains, scheme, reset, estimator):
    rng, neuron = np.random.default_rng(1), neuron_with(scheme=scheme, reset=reset, estimator=estimator, clamp=0.3)
    inputs, weights = lively(rng, random_trains)
    for max_spikes in (3, STEPS):
        expected = cpu.clocked_spikes(inputs, weights, neuron, STEPS, max_spikes)
        assert_same(on_cuda(cuda.clocked_spikes, inputs, weights, neuron, STEPS, max_spikes), expected)
        errors = rng.normal(size=len(expected.events.times))
        for parts in (1, 2, 4):
            arguments = errors, expected, inputs, weights, neuron, STEPS, parts, True
            found = on_cuda(gradients_cuda.clocked_gradients, *arguments)
            assert_close(found, gradients_cpu.clocked_gradients(*arguments))
    traces = np.empty((2, 2, inputs.batch, STEPS, weights.shape[1]))
    cpu.record(inputs, weights, neuron, *traces[0])

    def recorded(inputs, weights, neuron, currents, potentials):
        cuda.record(inputs, weights, neuron, currents, potentials)
        return currents, potentials

    assert_close(on_cuda(recorded, inputs, weights, neuron, *traces[1]), traces[0])


def test_single_precision_has_the_gradients_of_the_cpu_to_rounding(on_cuda, random_trains):
    rng, neuron = np.random.default_rng(2), neuron_with()
    times, counts = random_trains(rng, 4, 10, 3, np.float32)
    inputs, weights = event_lists(6 * times, counts), rng.uniform(-0.4, 1.5, (10, 7)).astype(np.float32)
    spikes = on_cuda(cuda.clocked_spikes, inputs, weights, neuron, STEPS, STEPS)
    errors = rng.normal(size=len(spikes.events.times)).astype(np.float32)
    arguments = errors, spikes, inputs, weights, neuron, STEPS, 1, True
    found = on_cuda(gradients_cuda.clocked_gradients, *arguments)
    assert_close(found, gradients_cpu.clocked_gradients(*arguments), 1e-4)  # a slope's 1e-7 times some ten, a spike


@pytest.mark.parametrize("n_post", [1, 31, 32, 33, 1025])
@pytest.mark.parametrize("n_pre", [1, 33])
def test_any_number_of_neurons_gives_what_the_cpu_does(on_cuda, random_trains, n_pre, n_post):
    rng, neuron = np.random.default_rng(n_post), neuron_with()
    inputs, weights = lively(rng, random_trains, 2, n_post, 3.0, n_pre)
    expected = cpu.clocked_spikes(inputs, weights, neuron, STEPS, STEPS)
    assert_same(on_cuda(cuda.clocked_spikes, inputs, weights, neuron, STEPS, STEPS), expected)
    arguments = rng.normal(size=len(expected.steps)), expected, inputs, weights, neuron, STEPS, 1, True
    assert_close(on_cuda(gradients_cuda.clocked_gradients, *arguments), gradients_cpu.clocked_gradients(*arguments))


@pytest.mark.parametrize("parts", [1, 4, 9])
def test_tiles_of_the_batch_do_not_change_a_bit(on_cuda, random_trains, monkeypatch, parts):
    rng, neuron = np.random.default_rng(5), neuron_with()
    inputs, weights = lively(rng, random_trains, batch=9)
    spikes = cpu.clocked_spikes(inputs, weights, neuron, STEPS, STEPS)
    errors = rng.normal(size=len(spikes.steps))
    for splits_below in (1, 2**16):  # one sum an input, or one a sample
        monkeypatch.setattr(gradients_cuda, "LEAST_THREADS", splits_below)
        results = []
        for tile_bytes in (2**28, 10_000, 1):
            monkeypatch.setattr(gradients_cuda, "TILE_BYTES", tile_bytes)
            results.append(
                on_cuda(gradients_cuda.clocked_gradients, errors, spikes, inputs, weights, neuron, STEPS, parts, True)
            )
        for other in results[1:]:
            for one, two in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(one, two)


def test_an_empty_batch_and_a_silent_one_have_no_spikes_and_zero_gradients(on_cuda, random_trains):
    neuron = neuron_with()
    for batch in (0, 2):
        inputs, weights = event_lists(*random_trains(np.random.default_rng(0), batch, 5, 1)), np.full((5, 3), -1.0)
        spikes = on_cuda(cuda.clocked_spikes, inputs, weights, neuron, 4, 4)
        assert_same(spikes, cpu.clocked_spikes(inputs, weights, neuron, 4, 4))
        for parts in (1, batch):
            found = on_cuda(
                gradients_cuda.clocked_gradients, np.empty(0), spikes, inputs, weights, neuron, 4, parts, True
            )
            assert found[0].shape == (parts, 5, 3)
            assert not found[0].any()
            assert found[1].shape == inputs.times.shape
            assert not found[1].any()


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_that_have_diverged_are_refused(on_cuda, sign):
    inputs = event_lists(np.zeros((1, 4, 1), np.float32), np.ones((1, 4), np.int32))
    weights = np.array([[1.0, sign * 3e38]] * 4, np.float32)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="have diverged: the potential of neuron 1 of samp"):
        on_cuda(clocked_spikes, inputs, weights, neuron_with(tau_syn=0.01), STEPS, 4)
