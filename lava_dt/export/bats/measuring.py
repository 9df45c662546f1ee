"""How large the states of blocks become on samples, and how many spikes they send."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bats_dt.backend import to_numpy
from lava_dt.block import cuba
from lava_dt.export.bats.blocks import States, larger, states_of
from lava_dt.export.bats.encoding import Steps, encode
from lava_dt.export.bats.layers import Connected

_ENTRIES = 20_000_000  # (sample, neuron, step) of one layer held at once

Pieces = Callable[[], Iterator[torch.Tensor]]  # the encoded samples, some at a time, anew at every call


@dataclass(frozen=True)
class Measured:
    """What a layer did on samples.

    Attributes:
        states: its largest current and voltage.
        spikes: of all its neurons, a sample.
        beyond: those of them beyond what BATS keeps of a neuron, a sample.
    """

    states: States
    spikes: float
    beyond: float


def pieces_of(
    times: Any, counts: Any, shape: tuple[int, ...], layers: list[Connected], steps: Steps, duration: float | None
) -> Pieces:
    """Samples, encoded (`encoding.encode`, whose errors the pieces raise), as many at a time as memory takes."""
    times, counts = to_numpy(times), None if counts is None else to_numpy(counts)
    widest = max(math.prod(shape), *(math.prod(layer.shape) for layer in layers))
    size = max(1, _ENTRIES // ((steps.last(duration) + 1) * widest))

    def pieces() -> Iterator[torch.Tensor]:
        for first in range(0, len(times), size):
            some = slice(first, first + size)
            yield encode(times[some], None if counts is None else counts[some], shape, steps, duration)

    return pieces


def largest_states(block: Any, below: list[Any], pieces: Pieces) -> States:
    """The largest states of a block above others."""
    states = States(0, 0)
    for piece in pieces():
        states = larger(states, states_of(block, through(below, piece)))
    return states


def through(blocks: list[Any], spikes: torch.Tensor) -> torch.Tensor:
    """What the last of the blocks sends."""
    with torch.no_grad():
        for block in blocks:
            spikes = block(spikes)
    return spikes


def measure(net: torch.nn.Sequential, layers: list[Connected], pieces: Pieces) -> tuple[list[Measured], torch.Tensor]:
    """What each layer does on samples, and what the last one sends, (samples, neuron..., steps) bool."""
    states = [States(0, 0)] * len(layers)
    spikes, beyond = np.zeros((2, len(layers)))
    sent: list[torch.Tensor] = []
    for signal in pieces():
        place = 0
        for block in net:
            if isinstance(block, cuba.Flatten):
                signal = through([block], signal)
                continue
            states[place] = larger(states[place], states_of(block, signal))
            signal = through([block], signal)
            emitted, limit = signal.sum(-1), layers[place].limit
            spikes[place] += float(emitted.sum())
            beyond[place] += 0 if limit is None else float((emitted - limit).clamp(min=0).sum())
            place += 1
        sent.append(signal > 0)
    output = torch.cat(sent)
    samples = len(output)
    return [Measured(*seen) for seen in zip(states, spikes / samples, beyond / samples, strict=True)], output
