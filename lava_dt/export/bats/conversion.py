"""`from_bats`: a network trained by `bats_dt` as a network of lava_dt's blocks, in Loihi's integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bats_dt import Network, TimeGrid
from bats_dt.backend import to_numpy
from bats_dt.checks import whole_number
from lava_dt.block import cuba
from lava_dt.export.bats.blocks import block_of
from lava_dt.export.bats.encoding import Steps, decode, encode
from lava_dt.export.bats.layers import Connected, connected
from lava_dt.export.bats.measuring import Pieces, largest_states, measure, pieces_of
from lava_dt.export.bats.quantisation import Quantised, largest_scale, measured_scale, quantise, unmeasured_scale
from lava_dt.export.bats.refusals import check_layer, check_limits, end_of
from lava_dt.export.bats.registers import Registers, choose
from lava_dt.export.bats.report import LayerReport, Report
from lava_dt.export.bats.response import Dynamics, dynamics_of

_BITS = "pass the bits of a weight, 2 to 8"


@dataclass(frozen=True)
class FromBATS:
    """A network of blocks that spikes as the BATS network does on the grid of dt, but for the rounding of ``report``.

    Attributes:
        net: a torch.nn.Sequential for `write_hdf5`, `to_lava`, `verify` and further training; ``net.fine_step`` is dt.
        report: what 8 bits and 12 bits changed.
        input_shape: (n,), or (channel, height, width) below a convolution.
        steps: of its simulations.
        limit: spikes that count of each output neuron, None for all.
    """

    net: torch.nn.Sequential
    report: Report
    input_shape: tuple[int, ...]
    steps: Steps
    limit: int | None

    @property
    def dt(self) -> float:
        """The step [s]."""
        return self.steps.dt

    def encode(self, times: Any, counts: Any = None, duration: float | None = None) -> torch.Tensor:
        """Input trains as ``net`` takes them: `lava_dt.export.bats.encoding.encode`, whose errors it raises.

        Args:
            times: (batch, n, slots) [s], inf where there is no spike; n as `bats_dt` counts the neurons.
            counts: (batch, n) spikes of each neuron; None for all that are finite.
            duration: end of the simulation [s], the ``max_simulation`` of `bats_dt`; None where clocked layers end.

        Returns:
            float32 (batch, *input_shape, steps), step n being the time n dt; several spikes of a neuron in a step are
            added up, and travel to Lava as graded spikes.
        """
        return encode(times, counts, self.input_shape, self.steps, duration)

    def decode(self, spikes: Any) -> tuple[np.ndarray, np.ndarray]:
        """What ``net`` returns as the output trains of `bats_dt`, for its losses.

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

    Event-driven layers emit what they do under the rule ``detect`` on the grid of dt (EQUATIONS A.6), whatever rule
    they were trained with; clocked layers what they do. Both exactly but for the rounding
    (`lava_dt.export.bats.response`). The two decays of a layer are chosen together (`registers.choose`), its weights
    are as large as 8 bits, the threshold's 17 bits and the states' 24 bits allow. The network is not changed.

    Args:
        network: layers of `bats_dt.layers`. Pooling is folded into the layer above it, exactly.
        dt: [s]; of clocked layers, theirs.
        weight_bits: 2 to 8.
        samples: input spike times (batch, n, slots) [s] on which it is measured how large the states become, a few
            hundred from the training data; None: states are given room for 32 thresholds.
        counts: of the samples, (batch, n); None for all times that are finite.
        duration: end of the simulation of the samples [s].

    Raises:
        TypeError: no network of `bats_dt`.
        ValueError: a layer that Loihi's neurons cannot be, by its name: a soft reset by something else than the
            threshold, a hard one to another potential than 0, hidden neurons that stop after one spike (unless the
            samples show that it would be the only one), a clock of another step, a scheme that alternates in sign, a
            dt at which nothing is left of weights or threshold; or samples without duration.
    """
    dt = TimeGrid(dt).dt
    if not 2 <= whole_number("weight_bits", weight_bits, _BITS) <= 8:
        raise ValueError(f"weight_bits is {weight_bits}: {_BITS}")
    shape, layers = connected(network)
    for layer in layers:
        check_layer(layer, dt, hidden=layer is not layers[-1], measured=samples is not None)
    first = layers[0].layer.neuron if layers[0].clocked else None
    steps = Steps(dt, first, end_of(layers))  # type: ignore[arg-type]
    pieces = None if samples is None else pieces_of(samples, counts, shape, layers, steps, duration)
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
    measured = [None] * len(layers) if pieces is None else measure(net, layers, pieces)[0]
    reports = (
        LayerReport(layer.title, math.prod(layer.shape), dynamics, quantised, registers, layer.limit, seen)
        for layer, (dynamics, registers), quantised, seen in zip(layers, found, integers, measured, strict=True)
    )
    report = Report(dt, weight_bits, 0 if samples is None else len(to_numpy(samples)), tuple(reports))
    check_limits(report)
    return FromBATS(net, report, shape, steps, layers[-1].limit)


def _quantised(
    layer: Connected, dynamics: Dynamics, registers: Registers, bits: int, below: list[Any], pieces: Pieces | None
) -> tuple[Quantised, Any]:
    """Integers of a layer and its block; the states measured above the blocks below, where there are samples."""
    level = dynamics.level / registers.factor
    scale = largest_scale(layer.weight, level, bits)
    if pieces is None:
        scale = min(scale, unmeasured_scale(level))
    quantised = quantise(layer.name, layer.weight, level, scale, bits)
    block = block_of(layer, quantised, registers, dynamics)
    if pieces is None:
        return quantised, block
    states = largest_states(block, below, pieces)
    fitting = measured_scale(max(states.current, states.voltage), quantised.scale)
    if fitting < quantised.scale:
        quantised = quantise(layer.name, layer.weight, level, fitting, bits)
        block = block_of(layer, quantised, registers, dynamics)
    return quantised, block
