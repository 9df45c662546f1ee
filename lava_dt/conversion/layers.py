"""A network as the chain of its blocks, checked before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from lava.lib.dl.slayer.block.cuba import Affine

from lava_dt.block.stepped import Stepped
from lava_dt.export.blocks import blocks_of
from lava_dt.neuron import Neuron


@dataclass(frozen=True, eq=False)
class Layer:
    """A block and its name, kind and number in the chain."""

    name: str
    block: Any

    @property
    def neuron(self) -> Any:
        """The block's neurons, None where it has none."""
        return getattr(self.block, "neuron", None)

    @property
    def spikes(self) -> bool:
        """Whether there is a threshold, and something behind it that fires."""
        return self.neuron is not None and (self.neuron._threshold or 0) > 0 and not isinstance(self.block, Affine)


def chain(net: Any) -> list[Layer]:
    """The layers of a network at its own step, ready to be run twice with one result.

    Args:
        net: a torch.nn.Sequential of CuBa blocks, a module that keeps them in ``blocks``, or a list of them.

    Raises:
        TypeError: something else, or neurons that are not lava_dt's.
        ValueError: a layer that steps by dt already, or draws delays or decays at its first call; by its name.
    """
    layers = [Layer(f"{type(block).__name__} {index}", block) for index, block in enumerate(blocks_of(net))]
    for layer in layers:
        if layer.neuron is None:
            continue
        if not isinstance(layer.block, Stepped) or not isinstance(layer.neuron, Neuron):
            raise TypeError(
                f"{layer.name} is lava-dl's own: call lava_dt.discretize(net, lava_dt.Timestep()) first, which changes "
                "nothing in what it computes"
            )
        dt = layer.block.timestep.dt
        if dt != 1:
            raise ValueError(
                f"{layer.name} steps by dt = {dt} already: convert the network at its own step, dt = 1; "
                "lava_dt.discretize(net, lava_dt.Timestep()) goes back there"
            )
        _check_drawn(layer)
    if not any(layer.spikes for layer in layers):
        raise ValueError("the network has no layer with a threshold: there is nothing to convert")
    return layers


def _check_drawn(layer: Layer) -> None:
    delay = getattr(layer.block, "delay", None)
    undrawn = [name for name in ("current_decay", "voltage_decay") if hasattr(layer.neuron, f"{name}_min")]
    if delay is not None and not delay.init:
        undrawn.append("delay")
    if undrawn:
        raise ValueError(
            f"{layer.name} has not drawn its {' and '.join(undrawn)} yet: run the network once on any input, or load "
            "its state dictionary"
        )
    if delay is not None and not bool(torch.isfinite(delay.delay).all()):
        raise ValueError(f"{layer.name} has a delay that is not finite: its training has diverged")
