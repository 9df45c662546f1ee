"""A network's blocks, lava_dt's or lava-dl's, described: read once, checked, never changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.block import cuba as upstream

from lava_dt.export.description import Description, Layer, Window, check_layers, layer_name
from lava_dt.export.neurons import bias_of, delay_of, fine_of, neuron_of
from lava_dt.export.weights import dense_weight, image_weight, input_scalar
from lava_dt.timestep import Timestep

_KINDS = {
    upstream.Input: "input",
    upstream.Flatten: "flatten",
    upstream.Average: "average",
    upstream.Affine: "affine",
    upstream.Dense: "dense",
    upstream.Recurrent: "dense_rec",
    upstream.Conv: "conv",
    upstream.ConvT: "convT",
    upstream.Pool: "pool",
    upstream.Unpool: "unpool",
}


def blocks_of(net: Any) -> list[torch.nn.Module]:
    """The blocks of a network: a Sequential, a module with ``blocks``, or a list of them."""
    blocks = getattr(net, "blocks", net)
    if not isinstance(blocks, (torch.nn.Sequential, torch.nn.ModuleList, list, tuple)) or not len(blocks):
        raise TypeError(
            f"the network is a {type(net).__name__}: pass a torch.nn.Sequential of CuBa blocks, a module that keeps "
            "them in `blocks`, or a list of them"
        )
    return list(blocks)


def synapses_of(block: Any) -> list[Any]:
    """The synapses of a block: none, one, or those of the input and of the feedback."""
    parts = (getattr(block, part, None) for part in ("synapse", "input_synapse", "recurrent_synapse"))
    return [synapse for synapse in parts if synapse is not None]


def describe(net: Any) -> Description:
    """Reads a network of CuBa blocks that netx's format knows, lava_dt's or lava-dl's. Changes nothing.

    Registers and delays are those of a step of dt also on the held clock: of the coarse twin (`Description`).

    Raises:
        TypeError: what came is not a network of blocks.
        ValueError: a layer that Loihi's registers cannot hold exactly, by its index and kind, with what to do about it.
    """
    layers = [_layer(index, block) for index, block in enumerate(blocks_of(net))]
    return Description(tuple(layers), check_layers(layers))


def _layer(index: int, block: Any) -> Layer:
    name = layer_name(index, type(block).__name__)
    kind = next((kind for cls, kind in _KINDS.items() if isinstance(block, cls)), None)
    if kind is None:
        raise ValueError(
            f"{name} cannot be exported: netx's format has Input, Flatten, Average, Affine, Dense, Recurrent, Conv, "
            "ConvT, Pool and Unpool blocks of CuBa neurons; end the network before it and do its part on the host, or "
            "replace it"
        )
    if any(synapse._forward_hooks for synapse in synapses_of(block)):
        raise ValueError(
            f"{name} cannot be exported: a hook changes what its synapses deliver (as a bias read from NIR does), for "
            "which netx's format has no place; remove it"
        )
    shape = block.shape
    if shape is None:
        raise ValueError(f"{name} does not know its shape yet: run the network once on any input, then export")
    shape = tuple(int(n) for n in shape)
    if kind in ("flatten", "average"):
        return Layer(index, kind, shape)
    timestep = getattr(block, "timestep", Timestep())
    if kind == "affine":
        return _affine(name, index, block, shape, timestep)
    hop = int(bool(block.delay_shift))
    if block.neuron is None:
        return Layer(index, "input", shape, hop, timestep=timestep)
    neuron = neuron_of(name, block.neuron)
    delay = delay_of(name, block, hop, timestep.dt)
    parts: dict[str, Any] = {"neuron": neuron, "fine": fine_of(block), "timestep": timestep, "delay": delay}
    if kind == "input":
        return Layer(index, kind, shape, hop, **parts | _input_parts(name, block, timestep))
    bias = bias_of(name, block.neuron, shape[0])
    if kind == "dense_rec":
        entrance, feedback = (dense_weight(name, block, s) for s in (block.input_synapse, block.recurrent_synapse))
        return Layer(index, kind, shape, hop, weight=entrance, weight_rec=feedback, bias=bias, **parts)
    if kind == "dense":
        weight = dense_weight(name, block, block.synapse, block.mask)
        return Layer(index, kind, shape, hop, weight=weight, bias=bias, **parts)
    weight = image_weight(name, block)
    return Layer(index, kind, shape, hop, weight=weight, bias=bias, window=_window(block.synapse), **parts)


def _affine(name: str, index: int, block: Any, shape: tuple[int, ...], timestep: Timestep) -> Layer:
    weight, fine = dense_weight(name, block, block.synapse, block.mask), fine_of(block)
    if block.dynamics is not True:
        return Layer(index, "affine", shape, weight=weight, fine=fine, timestep=timestep)
    bias = bias_of(name, block.neuron, shape[0])
    neuron = neuron_of(name, block.neuron, spikes=False)
    return Layer(index, "affine", shape, weight=weight, bias=bias, neuron=neuron, fine=fine, timestep=timestep)


def _input_parts(name: str, block: Any, timestep: Timestep) -> dict[str, Any]:
    if block.delay is not None:
        raise ValueError(f"{name} has delays, which lava-dl's input blocks have not: leave them out")
    if block.neuron.norm is not None:
        raise ValueError(f"{name} normalises its current, which an input block of netx does not: leave norm out")
    weight, bias = (input_scalar(name, block, part) for part in ("weight", "bias"))
    if bias is not None:
        bias = np.asarray(bias * timestep.constants_per_step)  # Loihi adds it once a step of dt
    return {"weight": weight, "bias": bias, "delay": None}


def _window(synapse: Any) -> Window:
    sizes = [tuple(int(n) for n in getattr(synapse, f)[:2]) for f in ("kernel_size", "stride", "padding", "dilation")]
    kernel, stride, padding, dilation = ((size[0], size[1]) for size in sizes)
    return Window(kernel, stride, padding, dilation, int(synapse.groups))
