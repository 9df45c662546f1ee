"""`feasible`: what Loihi's registers make of a network at a timestep, before it is trained there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from lava.lib.dl.slayer.block import cuba as upstream

from bats_dt.discretization import gain
from lava_dt.explanation import DecayRow, ThresholdRow, explain_neuron
from lava_dt.export import delays
from lava_dt.export.blocks import blocks_of, synapses_of
from lava_dt.export.description import DECAY_UNIT, LARGEST_THRESHOLD, layer_name
from lava_dt.export.weights import acting
from lava_dt.timestep import Timestep, as_timestep

STATE_BITS = 23  # and a sign
LARGEST_WEIGHT = 256


@dataclass(frozen=True)
class LayerFeasibility:
    """One layer with neurons.

    Attributes:
        name: place and kind.
        decays: current and voltage decay in 12 bits; lowest and highest where they differ by channel.
        threshold: with the gain folded in; None for neurons that never spike.
        delay: the longest, in steps of dt on top of the hop; 0 without delays. Loihi takes 62.
        weight: the largest in integers, as it must be at dt to keep the response: times the gain under ``charge``.
            Loihi's 8 bits end at 256.
        state_bits: of the largest current and voltage that can occur, if every input spikes in every step; 23 and a
            sign are there. Infinite where a decay is 0.
        problems: what is refused or lost, in words.
    """

    name: str
    decays: tuple[DecayRow, ...]
    threshold: ThresholdRow | None
    delay: int
    weight: float
    state_bits: tuple[float, float]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Feasibility:
    """`feasible`'s answer; ``str()`` is a table and the problems below it."""

    timestep: Timestep
    layers: tuple[LayerFeasibility, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Of all layers, each with its layer's name."""
        return tuple(f"{layer.name} {problem}" for layer in self.layers for problem in layer.problems)

    @property
    def possible(self) -> bool:
        """Whether nothing is refused or lost."""
        return not self.problems

    def __str__(self) -> str:
        t = self.timestep
        head = ("", "decay", "at dt", "register", "error", "threshold", "delay", "weight", "current", "voltage")
        rows: list[tuple[str, ...]] = [head]
        for layer in self.layers:
            mantissa = "" if layer.threshold is None else f"{layer.threshold.mantissa} ({layer.threshold.error:+.2%})"
            bits = [f"{n:.1f} bits" for n in layer.state_bits]
            rest = (mantissa, f"{layer.delay}/{delays.LARGEST}", f"{layer.weight:.4g}/{LARGEST_WEIGHT}", *bits)
            for i, row in enumerate(layer.decays):
                error = "" if math.isnan(row.error) else f"{row.error:+.2%}"
                cells = (f"{row.name} {row.decay:.6g}", f"{row.step_decay:.6g}", f"{row.register}/{DECAY_UNIT}", error)
                rows.append((layer.name if i == 0 else "", *cells, *(rest if i == 0 else ("",) * len(rest))))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"dt = {t.dt} fine steps, {t.clock} clock, {t.scheme}, {t.reset} reset, {t.gain} gain, on Loihi"]
        for line in rows:
            right = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            lines.append("  ".join([line[0].ljust(widths[0]), *right]).rstrip())
        return "\n".join([*lines, *(self.problems or ("everything fits",))])


def feasible(net: Any, timestep: Timestep | int) -> Feasibility:
    """What Loihi's limits make of a network at a timestep; nothing is changed, and nothing needs to have run.

    Args:
        net: a torch.nn.Sequential of CuBa blocks, lava_dt's or lava-dl's, at whatever timestep now, a module that keeps
            them in ``blocks``, or a list.
        timestep: the one in question; a number means ``Timestep(dt, clock='coarse', scheme='exponential',
            gain='integral')``.

    Raises:
        TypeError: no network of blocks, or no timestep.
        ValueError: no layer with CuBa neurons.
    """
    if isinstance(timestep, int) and not isinstance(timestep, bool):
        timestep = Timestep(timestep, clock="coarse", scheme="exponential", gain="integral")
    given: Any = timestep
    step, first = as_timestep(given), True
    layers: list[LayerFeasibility] = []
    for index, block in enumerate(blocks_of(net)):
        if isinstance(block, upstream.AbstractCuba) and block.neuron is not None:
            layers.append(_layer(layer_name(index, type(block).__name__), block, step, first))
            first = False
    if not layers:
        raise ValueError("the network has no layer with CuBa neurons: there is nothing for Loihi to hold")
    return Feasibility(step, tuple(layers))


def _layer(name: str, block: Any, timestep: Timestep, first: bool) -> LayerFeasibility:
    told = explain_neuron(timestep, block)
    weight, sums = _weights(block)
    factor = 1.0
    if timestep.gain == "charge" and not any(row.refused for row in told.decays):
        current, voltage = (next(row.decay for row in told.decays if row.name.startswith(n)) for n in ("cur", "vol"))
        factor = gain(current, voltage, timestep.dt, timestep.scheme)
    most = timestep.dt if first else 1  # counts of binned input; a neuron spikes once a step
    bits = _state_bits(told.decays, most * sums)
    longest, hop = _delay(block)
    delay = int(delays.ticks(longest, hop, timestep.dt))
    problems = [_decay_problem(row, timestep) for row in told.decays]
    if delay > delays.LARGEST:
        least = -(-(hop + longest) // (hop + delays.LARGEST))
        problems.append(f"has a delay of {longest} fine steps, {delay} of dt, and Loihi takes 62: dt >= {least} does")
    if weight * factor > LARGEST_WEIGHT:
        problems.append(
            f"needs weights up to {weight * factor:.4g} to keep its response under gain='charge', and Loihi's 8 bits "
            "end at 256: gain='integral' folds the factor into the threshold"
        )
    if told.threshold is not None:
        problems.append(_threshold_problem(told.threshold))
    for what, n in zip(("current", "voltage"), bits, strict=True):
        if n > STATE_BITS:
            problems.append(
                f"has a {what} that can reach {n:.1f} bits if all its inputs spike in every step, and Loihi's have "
                f"{STATE_BITS} and a sign: scale threshold and weights down, or check with verify"
            )
    kept = tuple(problem for problem in problems if problem)
    return LayerFeasibility(name, told.decays, told.threshold, delay, weight * factor, bits, kept)


def _weights(block: Any) -> tuple[float, float]:
    """The largest weight, and the largest sum that one neuron can receive of one sign, in integers."""
    scale = block.neuron.w_scale
    if isinstance(block, upstream.Input):
        largest = 256.0 if block.weight is None else float(256 * block.pre_hook_fx(block.weight.detach()).abs())
        return (0.0 if block.weight is None else largest / 256 * scale), largest
    largest, positive, negative = 0.0, 0.0, 0.0
    for synapse in synapses_of(block):
        weight = acting(synapse, getattr(block, "mask", None))
        rows = weight.transpose(0, 1) if isinstance(synapse, torch.nn.ConvTranspose3d) else weight
        rows = rows.reshape(rows.shape[0], -1).double() * scale
        largest = max(largest, float(rows.abs().max()))
        positive += float(rows.clamp(min=0).sum(1).max())
        negative += float((-rows).clamp(min=0).sum(1).max())
    return largest, max(positive, negative)


def _state_bits(decays: tuple[DecayRow, ...], drive: float) -> tuple[float, float]:
    """Bits of the largest current and voltage under a constant drive (integers of the weights), without a reset."""
    lost = {key: min(row.register for row in decays if row.name.startswith(key)) / DECAY_UNIT for key in ("cur", "vol")}
    current = 64 * drive / lost["cur"] if lost["cur"] else math.inf
    voltage = current / lost["vol"] if lost["vol"] else math.inf
    return math.log2(max(current, 1)), math.log2(max(voltage, 1))


def _delay(block: Any) -> tuple[int, int]:
    """The longest delay and the hop, in fine steps."""
    hop = int(bool(getattr(block, "delay_shift", False)))
    if block.delay is None or not block.delay.init:
        return 0, hop
    given = block.delay.delay.detach().cpu().numpy()
    return int(delays.whole(given, block.delay.max_delay).max()), hop


def _decay_problem(row: DecayRow, timestep: Timestep) -> str | None:
    if row.refused:
        return (
            f"has a {row.name} of {row.decay:.6g}, of which {timestep.scheme} makes {row.step_decay:.6g} at dt="
            f"{timestep.dt}: a step loses everything at most; use scheme='exponential', or saturate=True"
        )
    if row.stability == "leaks nothing" and row.decay > 0:
        return f"has a {row.name} of {row.decay:.6g}, which 12 bits round to no leak: use a larger dt"
    return None


def _threshold_problem(row: ThresholdRow) -> str | None:
    if row.refused or row.mantissa > LARGEST_THRESHOLD:
        return f"has a threshold of {row.mantissa} integers of the weights: Loihi takes 1 to {LARGEST_THRESHOLD}"
    if row.folded < 0.5:
        return f"has a threshold of {row.folded:.4g} integers with the gain in it, which is held at 1: raise it"
    return None
