"""The clocked network that a configuration describes, and its loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bats_dt import Network
from bats_dt.layers import AbstractLayer, ClockedLIFLayer, InputLayer
from bats_dt.losses import AbstractLoss, SpikeCountClassLoss, TTFSSoftmaxCrossEntropy, VanRossumClassLoss
from bats_dt.spikes import SpikeEvents
from runs.config import ClockedConfig
from runs.training.scores import N_CLASSES


def build(config: ClockedConfig, n_inputs: int) -> Network:
    """The network, freshly initialised from the seed; the layers are called input, hidden1, hidden2 ..., output."""
    network, initial = Network(), kaiming(config)
    below: AbstractLayer = InputLayer(n_neurons=n_inputs, name="input")
    network.add_layer(below, input=True)
    for i, size in enumerate((*config.hidden, N_CLASSES)):
        name = "output" if i == len(config.hidden) else f"hidden{i + 1}"
        below = ClockedLIFLayer(below, n_neurons=size, name=name, weight_initializer=initial, **config.neuron())
        network.add_layer(below)
    return network


def clocked(network: Network) -> list[ClockedLIFLayer]:
    """The layers of neurons, those that have weights."""
    return [layer for layer in network.layers if isinstance(layer, ClockedLIFLayer)]


def simulate(network: Network, inputs: SpikeEvents, duration: float) -> None:
    """All layers, for `duration` seconds, from input spikes that are listed already."""
    network.reset()
    for layer in network.layers:
        if isinstance(layer, InputLayer):
            layer.set_events(inputs)
        layer.forward(duration)


def kaiming(config: ClockedConfig) -> Callable[[int, int], npt.NDArray[np.float32]]:
    """He's initial weights by fan in: of deviation gain / sqrt(n_pre), normal, or uniform up to sqrt(3) times that."""
    generator = np.random.default_rng([config.seed, 0])

    def initial(n_post: int, n_pre: int) -> npt.NDArray[np.float32]:
        deviation = config.init_gain / np.sqrt(n_pre)
        if config.init == "uniform":
            bound = np.sqrt(3) * deviation
            return generator.uniform(-bound, bound, (n_post, n_pre)).astype(np.float32)
        return generator.normal(0, deviation, (n_post, n_pre)).astype(np.float32)

    return initial


def loss_of(config: ClockedConfig) -> AbstractLoss:
    """What a run is trained on; its `predict` names the class.

    The distance of van Rossum is taken up to one step behind the end, so that spikes of the last step, which are at the
    end, count as the others do.
    """
    tau = config.duration / 2 if config.loss_tau is None else config.loss_tau
    if config.loss == "first_spike":
        return TTFSSoftmaxCrossEntropy(tau=tau, silent_time=config.duration + config.dt)
    if config.loss == "count":
        return SpikeCountClassLoss(config.target_true, config.target_false)
    return VanRossumClassLoss(
        tau,
        config.duration + config.dt,
        true_times=evenly(config.target_true, config.duration).tolist(),
        false_times=evenly(config.target_false, config.duration).tolist(),
    )


def evenly(n: int, duration: float) -> npt.NDArray[np.float64]:
    """Wanted spikes [s], each at the end of one of n equal parts of the duration."""
    return np.arange(1, n + 1) * duration / max(n, 1)
