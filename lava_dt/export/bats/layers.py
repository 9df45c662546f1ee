"""The layers of a BATS network as lava-dl's blocks connect them: orders of axes, pooling folded into what follows it.

BATS counts neurons of a map (X, Y, channels) as (x * Y + y) * channels + channel; lava-dl has images
(channel, height, width), here height = x and width = y, and flattens them channel by channel. BATS's pooling has no
neurons: the spikes of four neurons arrive as those of one. A convolution behind it is therefore the convolution with
every weight repeated over 2 x 2 pixels and a stride of 2, and a dense layer behind it the dense layer with every weight
repeated four times, exactly. What pooling leaves out, the last row or column of an odd map, such a convolution does not
reach either, and the dense layer gives no weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bats_dt import Network
from bats_dt.backend import to_numpy
from bats_dt.checks import instance
from bats_dt.layers import (
    AbstractConvLayer,
    AbstractLayer,
    ClockedLIFLayer,
    ConvLIFLayer,
    InputLayer,
    LIFLayer,
    PoolingLayer,
)
from bats_dt.layers.spiking import SpikingLayer


@dataclass(frozen=True)
class Connected:
    """One layer of neurons and what leads to it.

    Attributes:
        layer: the one of BATS.
        name: what to call it in errors.
        weight: float64, real: (n_post, n_pre) of a dense layer, (out, in, height, width) of a convolution.
        stride: of a convolution; 0 for a dense layer.
        flatten: whether a dense layer has images below it.
        shape: (n,) or (channel, height, width) of its neurons.
    """

    layer: SpikingLayer
    name: str
    weight: np.ndarray
    stride: int
    flatten: bool
    shape: tuple[int, ...]

    @property
    def title(self) -> str:
        """What to call it in tables."""
        return self.layer.name or self.name

    @property
    def clocked(self) -> bool:
        """Whether it is stepped by a clock of its own."""
        return isinstance(self.layer, ClockedLIFLayer)

    @property
    def limit(self) -> int | None:
        """Spikes that are kept of each neuron; None for all."""
        layer = self.layer
        keeps_all = layer.keeps_all if isinstance(layer, ClockedLIFLayer) else layer.grow
        return None if keeps_all else layer.max_n_spike


def connected(network: Network) -> tuple[tuple[int, ...], list[Connected]]:
    """Shape of the input, (n,) or (channel, height, width), and the layers of neurons from the first to the last.

    Raises:
        TypeError: no network of BATS. ValueError: it does not begin with its input, has no neurons or ends with a
            pooling; or a layer of another kind, by its name.
    """
    instance("network", network, Network, "pass a bats_dt.Network")
    if not network.layers or not isinstance(network.layers[0], InputLayer):
        raise ValueError("the network has no input layer at its bottom: add_layer(InputLayer(...), input=True) first")
    names = {id(layer): layer_name(place, layer) for place, layer in enumerate(network.layers)}
    stack = [layer for layer in network.layers[1:] if not isinstance(layer, PoolingLayer)]
    if not stack or network.layers[-1] is not stack[-1]:
        raise ValueError(
            f"{names[id(network.layers[-1])]} is the last layer of the network, but it has no neurons to be exported: "
            "end with a LIFLayer or a ConvLIFLayer"
        )
    images = isinstance(stack[0], ConvLIFLayer)
    shape = _image(network.layers[0]) if images else (network.layers[0].n_neurons,)
    found: list[Connected] = []
    for layer in stack:
        name = names[id(layer)]
        if isinstance(layer, ConvLIFLayer):
            weight, stride = _convolution(layer)
            found.append(Connected(layer, name, weight, stride, False, _image(layer)))
        elif isinstance(layer, LIFLayer | ClockedLIFLayer):
            weight = _dense(layer, images)
            found.append(Connected(layer, name, weight, 0, images, (layer.n_neurons,)))
            images = False
        else:
            raise ValueError(f"{name} is a {type(layer).__name__}, for which there is no block: end the network below")
    return shape, found


def layer_name(place: int, layer: AbstractLayer) -> str:
    """What a layer is called."""
    return f"layer {layer.name!r}" if layer.name else f"layer {place} ({type(layer).__name__})"


def _image(layer: AbstractLayer) -> tuple[int, ...]:
    x, y, channels = (int(extent) for extent in layer.neurons_shape)  # type: ignore[attr-defined]
    return channels, x, y


def _below(layer: SpikingLayer) -> tuple[AbstractLayer, int]:
    """The layer whose spikes arrive, and how many of its pixels, along an axis, pooling has made one."""
    below, pixels = layer.previous_layer, 1
    while isinstance(below, PoolingLayer):
        below, pixels = below.previous_layer, 2 * pixels
    return below, pixels


def _convolution(layer: ConvLIFLayer) -> tuple[np.ndarray, int]:
    """Weights (out, in, height, width) and stride over the map below the pooling."""
    _, pixels = _below(layer)
    weight = to_numpy(layer.weights).astype(np.float64).transpose(0, 3, 1, 2)  # of (out, x, y, in)
    return weight.repeat(pixels, 2).repeat(pixels, 3), pixels


def _dense(layer: SpikingLayer, images: bool) -> np.ndarray:
    """Weights (n_post, n_pre) over the neurons below the pooling, in the order in which their spikes come."""
    weight = to_numpy(layer.weights).astype(np.float64)
    below, pixels = _below(layer)
    if not isinstance(below, AbstractConvLayer):
        return weight
    channels, size_x, size_y = _image(below)
    pooled = weight.reshape(len(weight), size_x // pixels, size_y // pixels, channels)
    whole = np.zeros((len(weight), size_x, size_y, channels))
    repeated = pooled.repeat(pixels, 1).repeat(pixels, 2)
    whole[:, : repeated.shape[1], : repeated.shape[2]] = repeated
    return (whole.transpose(0, 3, 1, 2) if images else whole).reshape(len(weight), -1)
