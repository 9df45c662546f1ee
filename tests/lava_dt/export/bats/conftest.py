"""Networks whose decays, weights and thresholds Loihi's registers hold, so that only the states' rounding differs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bats_dt import Network, TimeGrid
from bats_dt.layers import ClockedLIFLayer, ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer
from bats_dt.neuron import Neuron

DT, DURATION, SCALE = 0.01, 0.3, 100
TAU_S, TAU_MEM = (-DT / math.log(1 - register / 4096) for register in (302, 155))


def whole_weights(seed, mean=10.0):
    """Even integers over `SCALE`, up to 254, 8 bits at that scale."""

    def draw(*shape):
        whole = 2 * np.random.default_rng(seed).normal(mean / 2, 30, shape).round().clip(-126, 126)
        whole.flat[0] = 254
        return whole / SCALE

    return draw


def threshold(mantissa):
    """Of so many integers in a CuBa neuron at `SCALE`."""
    return mantissa / SCALE * Neuron(TAU_S, 1, 1, TAU_MEM).response(DT)


def event_driven(mantissa, seed, **options):
    theta = threshold(mantissa)
    return {"tau_s": TAU_S, "tau_mem": TAU_MEM, "theta": theta, "delta_theta": theta, "max_n_spike": 40,
            "weight_initializer": whole_weights(seed), "grid": TimeGrid(DT, "detect"), **options}  # fmt: skip


def clocked(seed, **options):
    return {"dt": DT, "tau_s": 0.1, "tau_mem": 0.15, "theta": 1.0, "weight_initializer": whole_weights(seed), **options}


def stack(*layers):
    network = Network()
    for layer in layers:
        network.add_layer(layer, input=isinstance(layer, InputLayer))
    return network


@pytest.fixture
def dense():
    inputs = InputLayer(40, name="input")
    hidden = LIFLayer(inputs, n_neurons=30, name="hidden", **event_driven(1500, 1))
    return stack(inputs, hidden, LIFLayer(hidden, n_neurons=10, name="output", **event_driven(3000, 2)))


@pytest.fixture
def convolutional():
    """Odd maps, pooling below a convolution and below a dense layer."""
    inputs = ConvInputLayer((12, 11, 2), name="input")
    conv1 = ConvLIFLayer(inputs, filters_shape=(3, 2, 3), name="conv1", **event_driven(1000, 1))
    pool1 = PoolingLayer(conv1, name="pool1")
    conv2 = ConvLIFLayer(pool1, filters_shape=(2, 2, 4), name="conv2", **event_driven(2000, 2))
    pool2 = PoolingLayer(conv2, name="pool2")
    output = LIFLayer(pool2, n_neurons=5, name="output", **event_driven(3000, 3))
    return stack(inputs, conv1, pool1, conv2, pool2, output)


@pytest.fixture
def samples():
    """Makes input times (batch, n, 2), some silent, on the grid and within 0.1 s."""

    def draw(n, batch=8, seed=0):
        rng = np.random.default_rng(seed)
        times = DT * rng.integers(0, 11, (batch, n, 2)).astype(np.float32)
        times[..., 1] = np.where(rng.random((batch, n)) < 0.3, times[..., 0] + np.float32(0.03), np.inf)
        times[rng.random((batch, n)) < 0.4] = np.inf
        return times

    return draw


def emitted(network, times, duration=DURATION):
    """Spikes of the last layer on the steps of `DT`, (batch, n, steps)."""
    network.reset()
    network.forward(times, np.isfinite(times).sum(-1).astype(np.int32), duration)
    found = network.output_spike_trains[0]
    spikes = np.zeros((*found.shape[:2], round(duration / DT) + 1))
    sample, neuron, slot = np.nonzero(np.isfinite(found))
    np.add.at(spikes, (sample, neuron, np.rint(found[sample, neuron, slot] / DT).astype(int)), 1)
    return spikes


@pytest.fixture
def clocked_network():
    """Two clocked layers with the same options."""

    def make(**options):
        inputs = InputLayer(40, name="input")
        hidden = ClockedLIFLayer(inputs, n_neurons=30, name="hidden", **clocked(1, **options))
        return stack(inputs, hidden, ClockedLIFLayer(hidden, n_neurons=10, name="output", **clocked(2, **options)))

    return make


@pytest.fixture
def spikes_of():
    return emitted
