"""What the processes of a Lava network hold, against the description of the network that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lava_dt.export.alignment import Compared
from lava_dt.export.description import Layer
from lava_dt.export.processes import HeldLIF, SoftResetLIF


class Registers:
    """The registers of a Lava network's layers.

    Args:
        network: of `to_lava`, or netx's own.
        layers: what they should hold.
    """

    def __init__(self, network: Any, layers: Sequence[Compared]) -> None:
        self._blocks = list(network.layers)
        self._layers = [entry.layer for entry in layers]

    def different(self, number: int, neuron: tuple[int, ...]) -> list[str]:
        """What differs at a neuron: its registers, weights and, of the layer before it, the delays.

        Weights of images and of Sparse synapses are not looked at.

        Args:
            number: of the layer among those compared.
            neuron: its index in the layer's shape.
        """
        layer, block = self._layers[number], self._blocks[number]
        process = getattr(block, "neuron", None)
        found = [] if process is None else _of_neuron(layer, process, neuron)
        row = int(np.ravel_multi_index(neuron, layer.shape[: len(neuron)]))
        for name, weight in (("synapse", layer.weight), ("synapse_rec", layer.weight_rec)):
            here = _dense_weights(getattr(block, name, None))
            if here is None or weight is None or here.shape != weight.shape:
                continue
            changed = np.flatnonzero(here[row] != weight[row])
            if changed.size:
                which = "feedback weight" if name == "synapse_rec" else "weight"
                at = int(changed[0])
                found.append(f"its {which} {at} is {here[row, at]:g} in Lava, {weight[row, at]} in training")
        return [*found, *(self.delays(number - 1) if number else [])]

    def delays(self, number: int) -> list[str]:
        """The first channel of a layer whose delay differs."""
        layer, block = self._layers[number], self._blocks[number]
        process = getattr(block, "delay", None)
        channels = layer.shape[0]
        wanted = np.broadcast_to(0 if layer.delay is None else layer.delay, (channels,))
        if process is None:
            here = np.zeros(channels, int)
        else:
            values = np.asarray(process.delays.init)
            here = np.broadcast_to(values, process.s_in.shape).reshape(-1, channels)[0]
        changed = np.flatnonzero(here != wanted)
        if not changed.size or not hasattr(block, "delay"):
            return []
        at = int(changed[0])
        return [f"the delay of channel {at} of {layer.name} is {here[at]} in Lava, {wanted[at]} in training"]


def _of_neuron(layer: Layer, process: Any, neuron: tuple[int, ...]) -> list[str]:
    wanted = layer.neuron
    if wanted is None:
        return []
    channel = neuron[0]
    bias = 0 if layer.bias is None or layer.kind == "input" else int(np.ravel(layer.bias)[channel])
    pairs: dict[str, tuple[int, int]] = {
        "current decay": (_at(process.du.init, process, neuron) + 1, _of(wanted.current_decay, channel)),
        "voltage decay": (_at(process.dv.init, process, neuron), _of(wanted.voltage_decay, channel)),
        "bias": (_at(process.bias_mant.init, process, neuron), bias),
    }
    if wanted.threshold.any():
        pairs["threshold"] = _at(process.vth.init, process, neuron), _of(wanted.threshold, channel)
    found = [
        f"its {name} is {here} in Lava, {there} in training" for name, (here, there) in pairs.items() if here != there
    ]
    reset = _reset(process)
    return [*found, *([] if reset == wanted.reset else [f"its reset is {reset} in Lava, {wanted.reset} in training"])]


def _reset(process: Any) -> str:
    soft = bool(process.proc_params["soft"]) if isinstance(process, HeldLIF) else isinstance(process, SoftResetLIF)
    return "soft" if soft else "hard"


def _of(values: np.ndarray, channel: int) -> int:
    return int(values.flat[channel if values.size > 1 else 0])


def _at(value: Any, process: Any, neuron: tuple[int, ...]) -> int:
    """A register of one neuron, of lava-dl's index (channel, height, width), or of a row."""
    shape = process.s_out.shape
    row = len(shape) == 1
    index = (neuron[0],) if row and max(neuron[1:], default=0) == 0 else neuron[::-1]
    return int(np.broadcast_to(np.asarray(value), shape)[index])


def _dense_weights(synapse: Any) -> np.ndarray | None:
    """(n_post, n_pre) as they act, of dense synapses; None of others."""
    weights = getattr(getattr(synapse, "weights", None), "init", None)
    if not isinstance(weights, np.ndarray) or weights.ndim != 2:
        return None
    return weights * 2.0 ** int(synapse.proc_params.get("weight_exp", 0))
