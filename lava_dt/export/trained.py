"""What each layer of a trained network does for given samples, in Loihi's integers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_dt.export.blocks import blocks_of
from lava_dt.export.description import Description, Layer, layer_name
from lava_dt.export.simulation import Trace

STATE_SHIFT = 6  # thresholds, biases and activations are aligned 6 bits up


def trained_traces(net: Any, description: Description, spikes: Tensor) -> list[Trace]:
    """Runs the network once, in evaluation mode and from silence, and leaves it as it was.

    Args:
        net, description: the network and `describe` of it.
        spikes: (batch, neuron..., time).

    Returns:
        A trace a layer with neurons: current and voltage before its reset in integers, spikes as the neurons emit
        them, before hop and delays.

    Raises:
        ValueError: the network is not the chain of its blocks, or a block does something besides its neurons, or feeds
            them back.
    """
    blocks = blocks_of(net)
    with torch.no_grad(), _at_rest(blocks):
        inputs, outputs = _through(net, blocks, spikes)
        return [
            _trace(layer, blocks[layer.index], inputs[layer.index], outputs[layer.index])
            for layer in description.layers
            if layer.neuron is not None
        ]


def _through(net: Any, blocks: list[Any], spikes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Input and output of every block while the network itself runs."""
    seen: dict[int, tuple[Tensor, Tensor]] = {}

    def remember(index: int) -> Any:
        def hook(_: Any, arguments: tuple[Any, ...], output: Any) -> None:
            if index in seen:
                raise ValueError(
                    f"{layer_name(index, type(blocks[index]).__name__)} runs twice: only a chain can be compared"
                )
            seen[index] = arguments[0], output[0] if isinstance(output, tuple) else output

        return hook

    handles = [block.register_forward_hook(remember(i)) for i, block in enumerate(blocks)]
    try:
        if callable(net) and not isinstance(net, torch.nn.ModuleList):
            net(spikes)
        else:
            signal = spikes
            for i, block in enumerate(blocks):
                block(signal)
                signal = seen[i][1]
    finally:
        for handle in handles:
            handle.remove()
    before = spikes
    for i, block in enumerate(blocks):
        if i not in seen or not torch.equal(seen[i][0], before):
            raise ValueError(
                f"{layer_name(i, type(block).__name__)} does not get what the layer before it sends: the network's "
                "forward does more than pass its blocks' spikes on, and the Lava network cannot know; pass "
                "list(net.blocks) to compare the blocks alone"
            )
        before = seen[i][1]
    return [seen[i][0] for i in range(len(blocks))], [seen[i][1] for i in range(len(blocks))]


def _trace(layer: Layer, block: Any, signal: Tensor, output: Tensor) -> Trace:
    if layer.kind == "dense_rec":
        raise ValueError(f"{layer.name} feeds its spikes back, which cannot be followed step by step yet")
    neuron = block.neuron
    current, voltage = neuron.dynamics(_drive(layer, block, signal))
    spikes = neuron.spike(voltage)
    bins = layer.hop if layer.delay is None else layer.hop + layer.delay
    if not np.array_equal(shifted(spikes.cpu().numpy(), np.asarray(bins)), output.cpu().numpy()):
        raise ValueError(
            f"{layer.name} sends something else than its neurons' spikes, later by hop and delays: remove what changes "
            "them (dropout that stays on in evaluation, a forward of its own)"
        )
    whole = [torch.round(state.double() * neuron.s_scale).to(torch.int64).cpu().numpy() for state in (current, voltage)]
    if layer.kind != "input" and layer.bias is not None:  # training adds it to the current, Loihi to the voltage
        whole[0] -= (layer.bias << STATE_SHIFT).reshape(-1, *(1,) * (whole[0].ndim - 2))
    return Trace(spikes.cpu().numpy() > 0, *whole)


def _drive(layer: Layer, block: Any, signal: Tensor) -> Tensor:
    if hasattr(block, "drive"):
        return block.drive(signal)
    if layer.kind != "input":
        return block.synapse(signal)
    drive = block.pre_hook_fx(signal)
    if block.weight is not None:
        drive = drive * block.pre_hook_fx(block.weight)
    return drive if block.bias is None else drive + block.pre_hook_fx(block.bias)


def shifted(array: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(batch, channel, ..., time), each channel later by its steps, zeros before; ``steps`` () or (channel,).

    Negative steps are earlier, zeros behind.
    """
    moved = np.zeros_like(array)
    length = array.shape[-1]
    for amount in np.unique(steps):
        channels = slice(None) if steps.ndim == 0 else np.flatnonzero(steps == amount)
        kept = max(length - abs(int(amount)), 0)
        if amount >= 0:
            moved[:, channels, ..., length - kept :] = array[:, channels, ..., :kept]
        else:
            moved[:, channels, ..., :kept] = array[:, channels, ..., length - kept :]
    return moved


@contextlib.contextmanager
def _at_rest(blocks: list[Any]) -> Iterator[None]:
    """Evaluation mode and silent states inside; modes and states as they were afterwards."""
    modules = [module for block in blocks for module in block.modules()]
    modes = [module.training for module in modules]
    kept = [
        (module, name, getattr(module, name))
        for module in modules
        for name in ("persistent_state", "current_state", "voltage_state", "delay_buffer")
        if hasattr(module, name)
    ]
    for module in modules:
        module.training = False
    for module, name, value in kept:
        silent: Any = torch.zeros_like(value) if isinstance(value, Tensor) else None
        setattr(module, name, False if name == "persistent_state" else silent)
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for module, name, value in kept:
            setattr(module, name, value)
