from types import SimpleNamespace

import numpy as np
import pytest

from bats_dt import Network, set_backend
from bats_dt.backend import to_numpy
from bats_dt.kernels.spike_gradients import spike_gradients
from bats_dt.layers import InputLayer, LIFLayer

# tau_syn and tau_mem [s]: 2:1 as BATS has it, equal, next to equal, a faster membrane, a much slower one
TIME_CONSTANTS = [(0.13, 0.26), (0.13, 0.13), (0.13, 0.1300001), (0.13, 0.05), (0.05, 0.4)]
TIME_CONSTANT_NAMES = ["two to one", "equal", "next to equal", "faster membrane", "slower membrane"]


THRESHOLD, RESET = 0.2, 0.15


@pytest.fixture(params=TIME_CONSTANTS, ids=TIME_CONSTANT_NAMES)
def time_constants(request):
    """tau_syn, tau_mem [s]."""
    return request.param


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    set_backend(request.param)
    return request.param


@pytest.fixture
def dense_network():
    """dense_network(weights, neuron, dtype): a network, neuron as (tau_syn, tau_mem, threshold, reset)."""

    def make(weights, neuron, dtype=np.float64):
        tau_syn, tau_mem, threshold, reset = neuron
        network = Network()
        network.add_layer(InputLayer(weights[0].shape[1]), input=True)
        for matrix in weights:
            layer = LIFLayer(
                network.layers[-1], tau_syn, threshold, reset, lambda *_, m=matrix: m,
                n_neurons=len(matrix), dtype=dtype, tau_mem=tau_mem, max_n_spike=1000,
            )  # fmt: skip
            network.add_layer(layer)
        return network

    return make


@pytest.fixture
def lively_network(dense_network, time_constants):
    """lively_network(sizes, batch, end): network, weights (n_post, n_pre), input times (batch, n, 2) up to end / 2.

    The first of random networks in which every layer emits some spikes, and not very many.
    """
    tau_syn, tau_mem = time_constants
    s = np.linspace(0, 5 * max(tau_syn, tau_mem), 2001)
    rate = 1 / tau_syn - 1 / tau_mem
    highest = (np.exp(-s / tau_mem) * (-np.expm1(-rate * s) / rate if rate else s)).max()

    def make(sizes, batch, end):
        for seed in range(100):
            rng = np.random.default_rng(seed)
            shapes = zip(sizes[1:], sizes[:-1], strict=True)
            weights = [THRESHOLD / highest * rng.uniform(-0.3, 3 / n_pre, (n_post, n_pre)) for n_post, n_pre in shapes]
            times = np.sort(rng.uniform(0, end / 2, (batch, sizes[0], 2)), axis=2)
            network = dense_network(weights, (tau_syn, tau_mem, THRESHOLD, RESET))
            network.forward(times, np.full(times.shape[:2], 2), end)
            if all(10 <= len(layer.events.times) / batch <= 40 for layer in network.layers[1:]):
                return network, weights, times
        raise AssertionError("no seed gave a network with spikes in every layer")

    return make


@pytest.fixture
def all_gradients():
    """all_gradients(network, errors of the last layer's events): dL/dw of every layer, dL/dt of the input's events.

    Summed over the batch. The last step is the kernel's, as a network does not ask for the errors of its inputs.
    """

    def take(network, errors):
        weights = []
        for layer in reversed(network.layers[2:]):
            gradient, errors = layer.backward(errors)
            weights.insert(0, to_numpy(gradient[0]))
        first, inputs = network.layers[1], network.layers[0].events
        by_input = np.ascontiguousarray(first.weights.T)
        gradient, times = spike_gradients(errors, first.emitted, inputs, by_input, first.neuron, 1, True)
        return SimpleNamespace(weights=[to_numpy(gradient[0].T), *weights], times=to_numpy(times))

    return take
