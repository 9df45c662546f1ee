"""The networks of `lava-dt bench bats`, in bats_dt and in the literal port, with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt import Network
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer
from runs.bench.bats.cases import CLASSES, PIXELS, Case, Entry
from runs.bench.bats.literal_port import LiteralLayer, LiteralNetwork

Array = npt.NDArray[Any]
TAU_S = 0.13  # seconds
SLOTS = 30
OUTPUT_THRESHOLD = 1.25
OUTPUT_SHIFT = 0.1  # of the output's weights, so that it spikes about as often as a trained one
# Of the published experiment with convolutions: thresholds, and spikes kept of a neuron.
_CONV_THRESHOLDS = (0.04, 0.8, 0.6, 0.3)
_CONV_SLOTS = (1, 3, 10, 30)


def build(case: Case, entry: Entry, seed: int) -> Any:
    """The case's network in the entry's library; the weights follow from the seed alone.

    Called with the entry's backend selected.
    """
    generator = np.random.default_rng([seed, 0])
    if case.network == "conv":
        return _convolutional(generator)
    weights = _dense_weights(case, generator)
    thresholds = case.threshold, OUTPUT_THRESHOLD
    if entry.library == "literal port":
        return LiteralNetwork(
            [LiteralLayer(w, TAU_S, theta, SLOTS) for w, theta in zip(weights, thresholds, strict=True)]
        )
    network = Network()
    layer: Any = InputLayer(n_neurons=PIXELS, name="input")
    network.add_layer(layer, input=True)
    for name, values, theta in zip(("hidden", "output"), weights, thresholds, strict=True):
        layer = LIFLayer(layer, TAU_S, theta, theta, max_n_spike=SLOTS, n_neurons=len(values), name=name)
        layer.weights = values
        network.add_layer(layer)
    return network


def _dense_weights(case: Case, generator: np.random.Generator) -> tuple[Array, Array]:
    """Weights (n_post, n_pre), float32: hidden from U(-1, 1), output of as many spikes whatever the width below."""
    hidden = generator.uniform(-1, 1, (case.hidden, PIXELS))
    scale = 512 / case.hidden
    output = np.sqrt(scale) * generator.uniform(-1, 1, (CLASSES, case.hidden)) + scale * OUTPUT_SHIFT
    return hidden.astype(np.float32), output.astype(np.float32)


def _convolutional(generator: np.random.Generator) -> Network:
    """Two convolutions, each followed by pooling, and two fully connected layers, all weights from U(-1, 1)."""

    def uniform(*shape: int) -> Array:
        return generator.uniform(-1, 1, shape).astype(np.float32)

    (first, second, third, last), (few, some, more, most) = _CONV_THRESHOLDS, _CONV_SLOTS
    network = Network()
    image = ConvInputLayer(neurons_shape=(28, 28, 1), name="input")
    network.add_layer(image, input=True)
    conv = ConvLIFLayer(image, (5, 5, 15), TAU_S, first, first, uniform, few, name="conv1")
    network.add_layer(conv)
    pool = PoolingLayer(conv, name="pool1")
    network.add_layer(pool)
    conv = ConvLIFLayer(pool, (5, 5, 40), TAU_S, second, second, uniform, some, name="conv2")
    network.add_layer(conv)
    pool = PoolingLayer(conv, name="pool2")
    network.add_layer(pool)
    dense = LIFLayer(pool, TAU_S, third, third, uniform, more, n_neurons=300, name="dense")
    network.add_layer(dense)
    network.add_layer(LIFLayer(dense, TAU_S, last, last, uniform, most, n_neurons=CLASSES, name="output"))
    return network
