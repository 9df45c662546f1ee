"""`from_bats`: a network trained by BATS as a network of lava_dt's blocks, in Loihi's integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bats_dt import Network, TimeGrid
from bats_dt.backend import to_numpy
from bats_dt.checks import whole_number
from lava_dt.block import cuba
from lava_dt.export.bats.blocks import States, block_of, larger, states_of
from lava_dt.export.bats.encoding import decode, encode, last_step
from lava_dt.export.bats.layers import Connected, connected
from lava_dt.export.bats.quantisation import Quantised, largest_scale, measured_scale, quantise, unmeasured_scale
from lava_dt.export.bats.registers import Registers, choose
from lava_dt.export.bats.report import LayerReport, Report
from lava_dt.export.bats.response import Dynamics, dynamics_of

_ENTRIES = 20_000_000  # (sample, neuron, step) of one layer held at once
_BITS = "pass the bits of a weight, 2 to 8"

Pieces = Callable[[], Iterator[torch.Tensor]]


@dataclass(frozen=True)
class FromBATS:
    """A network of blocks that spikes as the BATS network does on the grid of dt, but for the rounding of ``report``.

    Attributes:
        net: a torch.nn.Sequential for `write_hdf5`, `to_lava`, `verify` and further training; ``net.fine_step`` is dt.
        report: what 8 bits and 12 bits changed.
        dt: [s].
        input_shape: (n,), or (channel, height, width) below a convolution.
        limit: spikes that count of each output neuron, None for all.
    """

    net: torch.nn.Sequential
    report: Report
    dt: float
    input_shape: tuple[int, ...]
    limit: int | None

    def encode(self, times: Any, counts: Any = None, *, duration: float) -> torch.Tensor:
        """Input trains [s] as ``net`` takes them: `lava_dt.export.bats.encoding.encode`, whose errors it raises.

        Args:
            times: (batch, n, slots) [s], inf where there is no spike; n as BATS counts the neurons.
            counts: (batch, n) spikes of each neuron; None for all that are finite.
            duration: end of the simulation [s], BATS's ``max_simulation``.

        Returns:
            float32 (batch, *input_shape, steps), step n being the time n dt.
        """
        return encode(times, counts, self.input_shape, self.dt, duration)

    def decode(self, spikes: Any) -> tuple[np.ndarray, np.ndarray]:
        """What ``net`` returns as the output trains of BATS, for its losses.

        Returns:
            Times (batch, n, slots) [s] float32, inf where there is no spike, and counts (batch, n) int32; of each
            neuron the first ``limit`` spikes.
        """
        return decode(spikes, self.dt, self.limit)


def from_bats(
    network: Network,
    dt: float,
    *,
    weight_bits: int = 8,
    samples: Any = None,
    counts: Any = None,
    duration: float | None = None,
) -> FromBATS:
    """A trained BATS network as CuBa blocks of 8-bit weights and 12-bit decays, at a step of dt.

    It emits what the network does under the rule ``detect`` on the grid of dt (EQUATIONS A.6), exactly but for the
    rounding, whatever rule it was trained with (`lava_dt.export.bats.response`); every neuron resets softly. The two
    decays of a layer are chosen together (`registers.choose`), its weights are as large as 8 bits, the threshold's 17
    bits and the states' 24 bits allow. The network is not changed.

    Args:
        network: layers of `bats_dt.layers`. Pooling is folded into the layer above it, exactly.
        dt: [s].
        weight_bits: 2 to 8.
        samples: input spike times (batch, n, slots) [s] on which it is measured how large the states become, a few
            hundred from the training data; None: states are given room for 32 thresholds.
        counts: of the samples, (batch, n); None for all times that are finite.
        duration: end of the simulation of the samples [s].

    Raises:
        TypeError: no network of BATS.
        ValueError: a layer that Loihi's neurons cannot be, by its name: ``delta_theta`` that is not ``theta``, hidden
            neurons that stop after one spike (unless the samples show that it would be the only one), a dt at which
            nothing is left of weights or threshold; or samples without duration.
    """
    dt = TimeGrid(dt).dt
    if not 2 <= whole_number("weight_bits", weight_bits, _BITS) <= 8:
        raise ValueError(f"weight_bits is {weight_bits}: {_BITS}")
    shape, layers = connected(network)
    for place, layer in enumerate(layers):
        _check(layer, last=place == len(layers) - 1, measured=samples is not None)
    pieces = None if samples is None else _pieces(to_numpy(samples), counts, shape, layers, dt, duration)
    found = [(dynamics, choose(dynamics)) for dynamics in (dynamics_of(at.layer.neuron, dt) for at in layers)]
    blocks: list[Any] = []
    integers: list[Quantised] = []
    for layer, (dynamics, registers) in zip(layers, found, strict=True):
        blocks += [cuba.Flatten()] if layer.flatten else []
        quantised, block = _quantised(layer, dynamics, registers, weight_bits, blocks, pieces)
        integers.append(quantised)
        blocks.append(block)
    net = torch.nn.Sequential(*blocks)
    with torch.no_grad():
        net(torch.zeros(1, *shape, 1))  # lets the blocks know their shapes
    net.fine_step = dt  # type: ignore[assignment]
    measured = _measured(net, layers, pieces)
    report = Report(
        dt,
        0 if samples is None else len(to_numpy(samples)),
        tuple(
            LayerReport(layer.name, math.prod(layer.shape), dynamics, quantised, registers, *seen)
            for layer, (dynamics, registers), quantised, seen in zip(layers, found, integers, measured, strict=True)
        ),
    )
    _check_limits(report)
    return FromBATS(net, report, dt, shape, limit_of(layers[-1]))


def limit_of(layer: Connected) -> int | None:
    """Spikes that BATS keeps of each neuron of a layer; None where its buffer grows."""
    return None if layer.layer.grow else layer.layer.max_n_spike


def _check(layer: Connected, last: bool, measured: bool) -> None:
    neuron = layer.layer.neuron
    if neuron.reset != neuron.threshold:
        raise ValueError(
            f"{layer.name} takes delta_theta = {neuron.reset:g} from its potential at a spike, and Loihi's soft reset "
            f"takes the threshold, theta = {neuron.threshold:g}: train it with delta_theta = theta"
        )
    if limit_of(layer) == 1 and not last and not measured:
        raise ValueError(
            f"{layer.name} keeps one spike of each neuron (max_n_spike = 1), and Loihi's neurons go on spiking, which "
            "the layer above would feel: train it with a larger max_n_spike, or pass samples on which no neuron has a "
            "second one"
        )


def _check_limits(report: Report) -> None:
    for layer in report.layers[:-1]:
        if layer.limit == 1 and layer.beyond:
            raise ValueError(
                f"{layer.name} keeps one spike of each neuron (max_n_spike = 1), and Loihi's neurons would emit "
                f"{layer.beyond:.1f} more a sample, which the layer above would feel: train it with a larger "
                "max_n_spike"
            )


def _quantised(
    layer: Connected, dynamics: Dynamics, registers: Registers, bits: int, below: list[Any], pieces: Pieces | None
) -> tuple[Quantised, Any]:
    level = dynamics.level / registers.factor
    scale = largest_scale(layer.weight, level, bits)
    if pieces is None:
        scale = min(scale, unmeasured_scale(level))
    quantised = quantise(layer.name, layer.weight, level, scale, bits)
    block = block_of(layer, quantised, registers, "soft", dynamics.hop)
    if pieces is None:
        return quantised, block
    states = States(0, 0)
    for piece in pieces():
        states = larger(states, states_of(block, _through(below, piece)))
    fitting = measured_scale(max(states.current, states.voltage), quantised.scale)
    if fitting < quantised.scale:
        quantised = quantise(layer.name, layer.weight, level, fitting, bits)
        block = block_of(layer, quantised, registers, "soft", dynamics.hop)
    return quantised, block


def _through(blocks: list[Any], spikes: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        for block in blocks:
            spikes = block(spikes)
    return spikes


def _pieces(
    times: np.ndarray, counts: Any, shape: tuple[int, ...], layers: list[Connected], dt: float, duration: float | None
) -> Pieces:
    if duration is None:
        raise ValueError("samples were given without duration: pass the end of their simulation in seconds")
    end, steps = duration, last_step(duration, dt) + 1
    counts = None if counts is None else to_numpy(counts)
    size = max(1, _ENTRIES // (steps * max(math.prod(shape), *(math.prod(layer.shape) for layer in layers))))

    def pieces() -> Iterator[torch.Tensor]:
        for first in range(0, len(times), size):
            some = slice(first, first + size)
            yield encode(times[some], None if counts is None else counts[some], shape, dt, end)

    return pieces


def _measured(
    net: torch.nn.Sequential, layers: list[Connected], pieces: Pieces | None
) -> list[tuple[States | None, float | None, int | None, float | None]]:
    """For each layer its largest states, its spikes a sample, BATS's limit and the spikes a sample beyond it."""
    limits = [limit_of(layer) for layer in layers]
    if pieces is None:
        return [(None, None, limit, None) for limit in limits]
    states = [States(0, 0)] * len(layers)
    spikes, beyond, samples = np.zeros(len(layers)), np.zeros(len(layers)), 0
    for signal in pieces():
        samples += len(signal)
        place = 0
        for block in net:
            if not isinstance(block, cuba.Flatten):
                states[place] = larger(states[place], states_of(block, signal))
            signal = _through([block], signal)
            if not isinstance(block, cuba.Flatten):
                emitted = signal.sum(-1)
                spikes[place] += float(emitted.sum())
                limit = limits[place]
                beyond[place] += 0 if limit is None else float((emitted - limit).clamp(min=0).sum())
                place += 1
    return [
        (state, n / samples, limit, over / samples)
        for state, n, limit, over in zip(states, spikes, limits, beyond, strict=True)
    ]
