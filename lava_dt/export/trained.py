"""What each layer of a trained network does for given samples, in Loihi's integers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lava_dt.export.alignment import Compared
from lava_dt.export.blocks import blocks_of
from lava_dt.export.description import layer_name
from lava_dt.export.tracing import Trace, trace
from lava_dt.neuron import Neuron

_STATES = ("persistent_state", "current_state", "voltage_state", "delay_buffer", "spike_state", "position", "waiting")


def trained_traces(net: Any, layers: Sequence[Compared], spikes: Tensor) -> list[Trace]:
    """Runs the network once, in evaluation mode and from silence, and leaves it as it was.

    Args:
        net: the network.
        layers: of its description, on the clock that it was trained on.
        spikes: (batch, neuron..., time).

    Returns:
        A trace a layer, one entry a step of dt.

    Raises:
        ValueError: the network is not the chain of its blocks, or a block does something besides its neurons.
    """
    blocks = blocks_of(net)
    with torch.no_grad(), at_rest(blocks):
        inputs, outputs = _through(net, blocks, spikes)
        traces = []
        for entry in layers:
            index = entry.layer.index
            with at_rest([blocks[index]]):  # what has run may have kept states
                traces.append(trace(entry.layer, blocks[index], inputs[index], outputs[index]))
        return traces


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
        with _running(blocks):
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


@contextlib.contextmanager
def _running(blocks: list[Any]) -> Iterator[None]:
    """Inside, lava-dl's own recurrent blocks keep their state from step to step, which each step is a call for."""
    neurons = [
        block.neuron
        for block in blocks
        if hasattr(block, "recurrent_synapse") and block.neuron is not None and not isinstance(block.neuron, Neuron)
    ]
    for neuron in neurons:
        neuron.persistent_state = True
    try:
        yield
    finally:
        for neuron in neurons:
            neuron.persistent_state = False


@contextlib.contextmanager
def at_rest(blocks: list[Any]) -> Iterator[None]:
    """Evaluation mode and silent states inside; modes and states as they were afterwards."""
    modules = [module for block in blocks for module in block.modules()]
    modes = [module.training for module in modules]
    kept = [(module, name, getattr(module, name)) for module in modules for name in _STATES if hasattr(module, name)]
    for module in modules:
        module.training = False
    for module, name, value in kept:
        setattr(module, name, _silent(name, value))
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for module, name, value in kept:
            setattr(module, name, value)


def _silent(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    return {"persistent_state": False, "position": 0}.get(name)
