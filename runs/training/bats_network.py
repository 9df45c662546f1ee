"""The BATS network that a configuration describes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt import Network, TimeGrid
from bats_dt.layers import (
    AbstractConvLayer,
    AbstractLayer,
    ConvInputLayer,
    ConvLIFLayer,
    InputLayer,
    LIFLayer,
    PoolingLayer,
)
from runs.config import BatsConfig

FILTER_SIZE = 5
LIF = LIFLayer | ConvLIFLayer


def build(config: BatsConfig, shape: tuple[int, int, int], n_classes: int) -> Network:
    """Layers for inputs of (columns, rows, polarities), freshly initialised from the seed.

    The input takes its channels in a row, the columns fastest. The layers with weights are called conv1, conv2 ...,
    hidden1, hidden2 ..., output.
    """
    network = Network()
    thresholds, buffers = config.thresholds(), config.buffers()
    shared: dict[str, Any] = {
        "tau_s": config.tau_syn,
        "tau_mem": config.tau_mem,
        "weight_initializer": _uniform(config),
        "grid": time_grid(config),
        "grow": config.grow,
    }
    if config.filters:
        below: AbstractLayer = _add_convolutions(network, config, shape, shared)
    else:
        below = InputLayer(n_neurons=math.prod(shape), name="input")
        network.add_layer(below, input=True)
    for i, size in enumerate((*config.hidden, n_classes)):
        place = len(config.filters) + i
        below = LIFLayer(
            below,
            theta=thresholds[place],
            delta_theta=thresholds[place],
            max_n_spike=buffers[place],
            n_neurons=size,
            name="output" if i == len(config.hidden) else f"hidden{i + 1}",
            **shared,
        )
        network.add_layer(below)
    return network


def _add_convolutions(
    network: Network, config: BatsConfig, shape: tuple[int, int, int], shared: dict[str, Any]
) -> AbstractLayer:
    """Input, convolutions and pooling; the last of them is returned."""
    below: AbstractConvLayer = ConvInputLayer(neurons_shape=(shape[1], shape[0], shape[2]), name="input")
    network.add_layer(below, input=True)
    for i, n_filters in enumerate(config.filters):
        threshold = config.thresholds()[i]
        conv = ConvLIFLayer(
            below,
            filters_shape=(FILTER_SIZE, FILTER_SIZE, n_filters),
            theta=threshold,
            delta_theta=threshold,
            max_n_spike=config.buffers()[i],
            name=f"conv{i + 1}",
            **shared,
        )
        below = PoolingLayer(conv, name=f"pool{i + 1}")
        network.add_layer(conv)
        network.add_layer(below)
    return below


def spiking(network: Network) -> list[LIF]:
    """The layers of neurons, those that have weights."""
    return [layer for layer in network.layers if isinstance(layer, LIF)]


def fan_outs(network: Network) -> list[float]:
    """Synapses that a spike reaches, on average: of the input, and of each layer of neurons but the last.

    Pooling passes every spike on from the map that it covers.
    """
    layers = network.layers
    return [_synapses(below, above) / below.n_neurons for below, above in pairwise(layers) if isinstance(above, LIF)]


def _synapses(below: AbstractLayer, above: LIF) -> float:
    if isinstance(above, LIFLayer):
        return float(below.n_neurons * above.n_neurons)
    weights_a_neuron = above.weights[0].size  # of a filter
    return float(above.n_neurons * weights_a_neuron)


def time_grid(config: BatsConfig) -> TimeGrid | None:
    """The grid of all layers; None: continuous time."""
    return None if config.dt is None else TimeGrid(dt=config.dt, rule=config.rule)


def _uniform(config: BatsConfig) -> Callable[..., npt.NDArray[np.float32]]:
    generator = np.random.default_rng([config.seed, 0])
    low, high = config.weight_range

    def uniform(*shape: int) -> npt.NDArray[np.float32]:
        return generator.uniform(low, high, shape).astype(np.float32)

    return uniform
