"""Lists of events and Adam's step on a GPU, or by the same sources on the CPU, against the Numba kernels."""

import math

import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.kernels.adam_step import adam_step
from bats_dt.kernels.adam_step import cpu as adam_cpu
from bats_dt.kernels.adam_step import cuda as adam_cuda
from bats_dt.kernels.event_lists import cpu, cuda, event_lists


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_neurons", [1, 31, 32, 33, 1025])
def test_events_are_listed_as_on_the_cpu(on_cuda, random_trains, dtype, n_neurons):
    trains = random_trains(np.random.default_rng(n_neurons), 3, n_neurons, 3, dtype)
    trains[0][0, 0, 0] = trains[0][0, -1, 0] = 0.0  # the first spikes, at one time
    trains[1][0, 0], trains[1][0, -1] = max(1, trains[1][0, 0]), max(1, trains[1][0, -1])
    for found, expected in zip(on_cuda(cuda.event_lists, *trains), cpu.event_lists(*trains), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert getattr(found, "dtype", None) == getattr(expected, "dtype", None)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 3, 0), (2, 1, 1)])
def test_without_a_spike_the_lists_are_empty(on_cuda, shape):
    offsets, times, *_, fault = on_cuda(cuda.event_lists, np.full(shape, np.inf), np.zeros(shape[:2], np.int32))
    assert offsets.tolist() == [0] * (shape[0] + 1)
    assert len(times) == 0
    assert fault == (0, 0, 0)


@pytest.mark.parametrize(
    ("row", "count"),
    [([0.2, 0.1], 2), ([math.inf, 0.1], 1), ([math.nan, math.inf], 0), ([-0.5, math.inf], 1), ([0.1, math.inf], 2),
     ([0.1, 0.2], 1), ([0.1, 0.2], -1), ([-math.inf, 0.2], 2), ([0.1, -0.0], 2)],
)  # fmt: skip
def test_faults_are_found_as_on_the_cpu_and_the_first_is_named(on_cuda, row, count):
    times, counts = np.full((3, 4, 2), math.inf), np.zeros((3, 4), np.int32)
    times[1, 2], counts[1, 2] = row, count
    times[2, 0, 0] = -1.0
    fault = on_cuda(cuda.event_lists, times, counts)[-1]
    assert fault == cpu.event_lists(times, counts)[-1]
    assert fault[0] > 0


def test_trains_of_the_host_are_listed_on_the_gpu_and_refused_in_words(cuda):
    events = event_lists(np.array([[[0.3], [0.1]]]), np.ones((1, 2), np.int32))
    assert events.neurons.tolist() == [1, 0]
    with pytest.raises(ValueError, match="sample 0, neuron 1 has a spike time of -1"):
        event_lists(np.array([[[0.3], [-1.0]]]), np.ones((1, 2), np.int32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (31, 33), (1, 5, 205), (0, 3)])
def test_adam_steps_are_those_of_the_cpu(on_cuda, dtype, shape):
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=shape).astype(dtype)
    moments = [np.zeros(shape, dtype), np.zeros(shape, dtype)]

    def step(gradient, first, second):
        delta = adam_cuda.adam_step(gradient, first, second, 0.9, 0.999, 1e-8, 0.01, 2.0)
        return delta, first, second

    for _ in range(2):
        found = on_cuda(step, gradient, *moments)
        delta = adam_cpu.adam_step(gradient, *moments, 0.9, 0.999, 1e-8, 0.01, 2.0)  # updates the moments in place
        for one, other in zip(found, (delta, *moments), strict=True):
            np.testing.assert_allclose(one, other, rtol=8 * np.finfo(dtype).eps)  # some five roundings
            assert one.dtype == dtype


def test_adam_steps_take_any_layout_of_memory(on_cuda):
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=(4, 6, 5)).transpose(0, 2, 1)

    def step(gradient):
        gradient = gradient.transpose(0, 2, 1).copy().transpose(0, 2, 1)
        first, second = (0 * gradient for _ in range(2))
        return adam_cuda.adam_step(
            gradient.transpose(2, 0, 1).copy().transpose(1, 2, 0), first, second, 0.9, 0.9, 1e-8, 1.0, 1.0
        )

    first, second = np.zeros_like(gradient), np.zeros_like(gradient)
    expected = adam_cpu.adam_step(gradient, first, second, 0.9, 0.9, 1e-8, 1.0, 1.0)
    np.testing.assert_allclose(on_cuda(step, gradient), expected, rtol=1e-14)


def test_adam_refuses_arrays_of_another_backend(cuda):
    host = np.zeros(3)
    with pytest.raises(TypeError, match="gradients are on the host but the backend is 'cuda'"):
        adam_step(host, host, host, 0.9, 0.9, 1e-8, 1.0, 1.0)
    set_backend("cpu")
