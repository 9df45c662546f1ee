"""What acts in a block of lava-dl or lava_dt, for a graph: weights, decays, delays; and what a graph cannot say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.neuron import cuba as upstream_neuron

from lava_dt.block.arriving import normalised
from lava_dt.nir.bias import bias_of
from lava_dt.nir.cells import Cells
from lava_dt.nir.errors import NIRError
from lava_dt.nir.synapses import Pair


def check_neuron(neuron: Any) -> None:
    if type(neuron) is not upstream_neuron.Neuron and not hasattr(neuron, "set_timestep"):
        raise NIRError(
            f"its neurons are {type(neuron).__module__}.{type(neuron).__name__}: only CuBa neurons have a node"
        )
    if neuron.norm is not None:
        raise NIRError(
            f"its neurons normalise their current ({type(neuron.norm).__name__}), which no NIR node does: fold the "
            "mean into a bias, or train without"
        )
    if neuron.graded_spike:
        raise NIRError("its neurons send graded spikes, and NIR's send 0 or 1: train with graded_spike=False")
    if any(hasattr(neuron, f"{name}_min") for name in ("current_decay", "voltage_decay")):
        raise NIRError("it has not drawn its neurons' decays yet: run the network once on any input")


def threshold_of(neuron: Any) -> float | None:
    return neuron.threshold if neuron.threshold is not None and neuron.threshold > 0 else None


def cells_in(neuron: Any, shape: tuple[int, ...]) -> Cells:
    def of_channels(decay: Any) -> np.ndarray:
        values = decay.detach().cpu().double().numpy() / neuron.p_scale
        return values.reshape(-1, *(1,) * (len(shape) - 1)) if values.size > 1 else values.reshape(())

    threshold = threshold_of(neuron)
    return Cells(
        of_channels(neuron.current_decay),
        of_channels(neuron.voltage_decay),
        None if threshold is None else np.asarray(threshold),
        np.ones(()),
    )


def weigh(node: Any, weight: float) -> None:
    """Gives neurons the one weight of the pooling before them."""
    if hasattr(node, "w_in"):
        node.w_in = node.w_in * weight
    else:
        node.r = node.r * weight


def acting_weights(block: Any, synapse: Any) -> tuple[np.ndarray, bool]:
    """Weights as they act at this moment, and whether they are what lava-dl's 8 bits leave as it is."""
    constant = bias_of(block)
    hooks = [hook for hook in synapse._forward_hooks.values() if constant is None or hook != constant.add]
    if hooks or synapse.complex:
        raise NIRError("its synapses have hooks, or are complex, of which a graph knows nothing: remove them")
    weight = normalised(synapse).detach()
    mask = getattr(block, "mask", None)
    if mask is not None:
        weight = weight * mask
    if synapse.pre_hook_fx is not None:
        weight = synapse.pre_hook_fx(weight)
    return weight.cpu().numpy().copy(), bool(torch.equal(block.neuron.quantize_8bit(weight), weight))


def matrix_of(weight: np.ndarray) -> np.ndarray:
    if weight[0, 0].size != 1:
        raise NIRError(
            f"it takes an image of shape {weight.shape[1:-1]}: put a Flatten block before it, for "
            f"{weight[0].size} neurons"
        )
    return weight.reshape(weight.shape[:2])


def window_of(synapse: Any) -> tuple[Pair, Pair]:
    kernel, stride = synapse.kernel_size[:2], synapse.stride[:2]
    if kernel != stride or any(synapse.padding[:2]) or synapse.dilation[:2] != (1, 1):
        raise NIRError(
            f"it pools windows of {kernel} pixels by steps of {stride}, with padding {synapse.padding[:2]} and "
            f"dilation {synapse.dilation[:2]}: windows side by side have a SumPool2d"
        )
    return kernel, stride


def delays_in(delay: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Whole fine steps, of ``shape``."""
    if not delay.init:
        raise NIRError("it has not drawn its delays yet: run the network once on any input")
    largest = math.inf if delay.max_delay is None else delay.max_delay
    steps = np.floor(delay.delay.detach().cpu().double().numpy().clip(0, largest)).reshape(-1)
    return np.broadcast_to(steps.reshape(-1, *(1,) * (len(shape) - 1)), shape).copy()
