"""What a trained network does at its own step: the yardstick of threshold matching."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lava_dt.block.arriving import dense
from lava_dt.block.recurrent import KWTA, Recurrent
from lava_dt.conversion.layers import chain
from lava_dt.export.trained import at_rest


@dataclass(frozen=True, eq=False)
class Responses:
    """Inputs and the spikes that they caused, layer by layer.

    Attributes:
        names: of the layers with a threshold, in order.
        inputs: sparse (batch, neuron..., T), one a batch.
        spikes: [layer][batch], sparse (batch, neuron..., T): as emitted, before hop and delays; of blocks with feedback
            behind them.
    """

    names: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    spikes: tuple[tuple[Tensor, ...], ...]

    def __len__(self) -> int:
        """Samples."""
        return sum(len(batch) for batch in self.inputs)


def record(net: Any, batches: Iterable[Tensor]) -> Responses:
    """Runs a network at its own step, in evaluation mode and each sample from silence, and leaves it as it was.

    Args:
        net: a chain of lava_dt's blocks at dt = 1, as `convert` takes it.
        batches: (batch, neuron..., T) each, float, dense or sparse; fine steps.

    Raises:
        TypeError: not a chain of blocks, or a batch that is no tensor.
        ValueError: the network steps by another dt, draws delays or decays at its first call, or there is no sample.
    """
    layers = chain(net)
    spiking = [layer for layer in layers if layer.spikes]
    inputs: list[Tensor] = []
    spikes: list[list[Tensor]] = [[] for _ in spiking]
    with torch.no_grad(), at_rest([layer.block for layer in layers]):
        for number, batch in enumerate(batches):
            if not isinstance(batch, Tensor):
                raise TypeError(f"batch {number} is a {type(batch).__name__}: pass tensors (batch, neuron..., time)")
            inputs.append(dense(batch).to_sparse())
            signal, rows = batch, iter(spikes)
            for layer in layers:
                if layer.spikes:
                    signal, emitted = run(layer.block, signal)
                    next(rows).append(emitted.to_sparse())
                else:
                    signal = sent(layer.block, signal)
    if not sum(len(batch) for batch in inputs):
        raise ValueError("there is no sample to record: pass at least one batch (batch, neuron..., time)")
    return Responses(tuple(layer.name for layer in spiking), tuple(inputs), tuple(map(tuple, spikes)))


def run(block: Any, signal: Tensor) -> tuple[Tensor, Tensor]:
    """What a spiking block at rest sends for a signal, and what its neurons emit."""
    output = sent(block, signal)
    return output, output if feeds_back(block) else emitted_by(block, drive_of(block, signal))


def sent(block: Any, signal: Tensor) -> Tensor:
    """What a block gives to the next."""
    output = block(signal)
    return output[0] if isinstance(output, tuple) else output


def feeds_back(block: Any) -> bool:
    """Whether the block's spikes are part of what drives it, so that the drive cannot be computed beforehand."""
    return isinstance(block, (Recurrent, KWTA))


def drive_of(block: Any, signal: Tensor) -> Tensor:
    """What the synapses of a block deliver, one entry a step of dt."""
    drive: Tensor = block.drive_bins(block.neuron.gather(dense(signal)))
    return drive


def emitted_by(block: Any, drive: Tensor) -> Tensor:
    """Spikes of the block's neurons for a drive, before hop and delays, one entry a step of dt."""
    spikes: Tensor = block.neuron.respond(drive)
    return spikes
