"""lava_dt's blocks from integers: what training, the network file and Lava all compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lava_dt.block import cuba
from lava_dt.export.bats.layers import Connected
from lava_dt.export.bats.quantisation import STATE_SHIFT, Quantised
from lava_dt.export.bats.registers import Registers
from lava_dt.export.bats.response import Dynamics
from lava_dt.export.description import DECAY_UNIT
from lava_dt.timestep import Timestep

SCALE = 64  # integers per unit of a block's weights, lava-dl's default
_TAU_GRAD = 0.03  # as in lava-dl's own examples; lava-dl multiplies it by 100 thresholds: surrogates three of them wide


@dataclass(frozen=True)
class States:
    """The largest current and voltage, before its reset, of a layer: integers without their signs."""

    current: int
    voltage: int


def block_of(below: Connected, quantised: Quantised, registers: Registers, dynamics: Dynamics) -> Any:
    """A `cuba.Dense` or `cuba.Conv` of these integers.

    Args:
        below: what leads to the layer; its weights are those of ``quantised``.
        dynamics: of which the reset is taken, and the hop, which is above 1 by delays.
    """
    threshold = quantised.threshold / SCALE
    parameters = {
        "threshold": threshold,
        "current_decay": registers.current_decay / DECAY_UNIT,
        "voltage_decay": registers.voltage_decay / DECAY_UNIT,
        "tau_grad": _TAU_GRAD,
        "scale": SCALE,
        "timestep": Timestep(1, reset=dynamics.reset),  # type: ignore[arg-type]
    }
    weight = torch.from_numpy(quantised.weight).to(torch.float32) / SCALE
    later = dynamics.hop - 1
    with torch.random.fork_rng(devices=[]):  # the weights that a block draws are replaced
        if below.stride:
            channels_out, channels_in, *kernel = weight.shape
            block = cuba.Conv(
                parameters, channels_in, channels_out, tuple(kernel), stride=below.stride, delay=later > 0
            )
        else:
            block = cuba.Dense(parameters, weight.shape[1], weight.shape[0], delay=later > 0)
    if later:
        block.delay.delay.data = torch.full((len(weight),), float(later))
        block.delay.init = True
    block.synapse.weight.data = weight.reshape(block.synapse.weight.shape)
    return block


def states_of(block: Any, arriving: torch.Tensor) -> States:
    """How large the states of a block become for what arrives, (batch, neuron..., steps)."""
    with torch.no_grad():
        current, voltage = block.neuron.dynamics(block.drive(arriving))
    unit = SCALE << STATE_SHIFT
    return States(round(float(current.abs().max()) * unit), round(float(voltage.abs().max()) * unit))


def larger(one: States, other: States) -> States:
    """The larger of each."""
    return States(max(one.current, other.current), max(one.voltage, other.voltage))
