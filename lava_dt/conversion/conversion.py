"""`convert`: a trained network brought to a coarser step by a rule, in place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bats_dt.discretization import retained
from lava_dt.conversion import delay_rounding
from lava_dt.conversion.layers import Layer, chain
from lava_dt.conversion.responses import Responses
from lava_dt.conversion.rule import Rule
from lava_dt.conversion.rules import RULES
from lava_dt.conversion.threshold_matching import Matched, match
from lava_dt.conversion.thresholds import fine_threshold, set_fine_threshold
from lava_dt.convert import discretize, snapshot
from lava_dt.export.description import LARGEST_THRESHOLD
from lava_dt.timestep import Clock, Timestep

_SOFT = (
    "spikes subtract the threshold, as lava_dt's process for Lava does; Loihi's own LIF resets to 0, as netx's: a "
    "chip needs a neuron of its own for it (Loihi 2)"
)


@dataclass(frozen=True)
class LayerConversion:
    """What became of one layer with neurons.

    Attributes:
        name: kind and number in the chain.
        current_decay, voltage_decay: of a step of dt, in 1/4096; lowest and highest where they differ by channel.
        saturated: decays that the scheme took beyond 1 and that were set to 1, by name.
        gain: of the rule on the current, the mean over channels.
        threshold_before, threshold_after: integers of the weights' scale, of a fine step and of a step of dt; the
            smallest of the channels. 0: no threshold.
        factor: the threshold of the rule's gain was multiplied by it in matching; 1 without.
        delays_moved: channels whose delay was changed.
        note: what is to be known of the matching; empty where there is nothing.
    """

    name: str
    current_decay: tuple[int, int]
    voltage_decay: tuple[int, int]
    saturated: tuple[str, ...]
    gain: float
    threshold_before: int
    threshold_after: int
    factor: float
    delays_moved: int
    note: str = ""


@dataclass(frozen=True)
class Conversion:
    """A network at a coarser step: how it came about. ``str()`` is a table."""

    rule: Rule
    timestep: Timestep
    layers: tuple[LayerConversion, ...]

    @property
    def dt(self) -> int:
        """Fine steps in a step."""
        return self.timestep.dt

    @property
    def saturated(self) -> bool:
        """Whether a decay was taken beyond 1 and held there."""
        return any(layer.saturated for layer in self.layers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known before the network is trusted, a sentence each."""
        held = (
            f"{layer.name}: {decay} is beyond {self.rule.scheme} and held at 1"
            for layer in self.layers
            for decay in layer.saturated
        )
        reset = (_SOFT,) if self.rule.reset == "soft" else ()
        return *held, *(f"{layer.name}: {layer.note}" for layer in self.layers if layer.note), *reset

    def __str__(self) -> str:
        head = ("layer", "decays /4096", "gain", "threshold", "matched by", "delays moved")
        rows = [head, *(_row(layer) for layer in self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [f"{self.rule.name} to dt = {self.dt}: {self.rule.equation}"]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([*lines, *self.notes])


def convert(
    net: Any, dt: int, rule: Rule | str, responses: Responses | None = None, clock: Clock = "coarse"
) -> Conversion:
    """Brings a network to a step of dt fine steps, in place and all or nothing. The same call gives the same network.

    Decays follow the rule's scheme; its gain, and what matching adds, go into the thresholds, rounded to integers of
    the weights' scale; the width of the surrogate stays what it is relative to the threshold. The reset
    stays unless the rule has one.

    Args:
        net: a chain of lava_dt's blocks at dt = 1, hard or soft reset: torch.nn.Sequential, a module with ``blocks``,
            or a list.
        dt: fine steps in a step, >= 2.
        rule: of `RULES`, or its name.
        responses: what `record` returned for this network; needed by rules that match.
        clock: ``coarse`` takes input of `lava_dt.rebin`, ``held`` input of fine steps.

    Returns:
        What was done, layer by layer.

    Raises:
        TypeError: dt is no integer; the network is no chain of lava_dt's blocks; rule or responses are something else.
        ValueError: dt below 2, an unknown rule, no responses where they are needed or those of another network, a gain
            that leaves nothing of a spike; as `discretize`. The network is then what it was.
    """
    rule = _rule(rule)
    timestep = Timestep(dt, clock=clock, scheme=rule.scheme, gain=rule.carrier, saturate=True)
    if timestep.dt < 2:
        raise ValueError(f"dt is {dt}: a network is converted to 2 fine steps or more, and is at 1 already")
    layers = chain(net)
    if rule.needs_calibration:
        _check_responses(rule, layers, responses)
    module = net if isinstance(net, torch.nn.Module) else torch.nn.ModuleList([layer.block for layer in layers])
    restore, delays = snapshot(module), _delays(layers)
    try:
        return _convert(module, layers, rule, timestep, responses)
    except BaseException:
        restore()
        for parameter, values in delays:
            parameter.data = values
        raise


def _convert(
    module: torch.nn.Module, layers: list[Layer], rule: Rule, timestep: Timestep, responses: Responses | None
) -> Conversion:
    before = {layer.name: int(layer.neuron.threshold_mantissa.min()) for layer in layers if layer.neuron is not None}
    resets = {layer.block.timestep.reset for layer in layers if layer.neuron is not None}
    if len(resets) > 1 and rule.reset is None:
        raise ValueError("the layers reset in different ways, hard and soft: convert them by one")
    timestep = dataclasses.replace(timestep, reset=rule.reset or resets.pop())
    discretize(module, timestep)
    gains = {layer.name: _set_gain(layer, rule) for layer in layers if layer.neuron is not None}
    moved = {layer.name: _move_delays(layer, rule) for layer in layers if layer.neuron is not None}
    matched = match(layers, responses, timestep) if rule.matched and responses is not None else {}
    rows = [
        LayerConversion(
            name=layer.name,
            current_decay=_ends(layer.neuron.current_step_decay),
            voltage_decay=_ends(layer.neuron.voltage_step_decay),
            saturated=_saturated(layer.neuron),
            gain=gains[layer.name],
            threshold_before=before[layer.name],
            threshold_after=int(layer.neuron.threshold_mantissa.min()),
            factor=matched.get(layer.name, Matched()).factor,
            delays_moved=moved[layer.name],
            note=matched.get(layer.name, Matched()).note,
        )
        for layer in layers
        if layer.neuron is not None
    ]
    return Conversion(rule, timestep, tuple(rows))


def _set_gain(layer: Layer, rule: Rule) -> float:
    """Folds the rule's gain into the threshold, and returns it.

    A neuron has one threshold: where decays differ by channel, the mean of the ratio of the rule's gain to the
    carrier's goes into it, and the carrier's own gain stays one a channel.
    """
    neuron = layer.neuron
    pairs = torch.broadcast_tensors(neuron.current_decay.detach(), neuron.voltage_decay.detach())
    decays = zip(*(decay.double().flatten().div(neuron.p_scale).tolist() for decay in pairs), strict=True)
    wanted = torch.tensor([rule.gain(alpha, beta, neuron.timestep.dt) for alpha, beta in decays], dtype=torch.float64)
    carried = neuron.gain.cpu()
    if (neuron._threshold or 0) > 0:
        ratio = float((carried / wanted).mean())
        if ratio > 1 and not fine_threshold(neuron) * ratio <= LARGEST_THRESHOLD * float(carried.min()):
            raise ValueError(
                f"{layer.name}: at dt = {neuron.timestep.dt} {rule.name} leaves {float(wanted.min()):.3g} of a spike, "
                "and a threshold divided by that is beyond the 17 bits of Loihi's register: use a smaller dt or "
                "another rule"
            )
        set_fine_threshold(neuron, fine_threshold(neuron) * ratio)
    return float(wanted.mean())


def _move_delays(layer: Layer, rule: Rule) -> int:
    """Rounds delays by the rule; how many were changed."""
    delay = getattr(layer.block, "delay", None)
    if delay is None:
        return 0
    before, hop = delay.delay.data, int(bool(layer.block.delay_shift))
    dt = layer.block.timestep.dt
    delay.delay.data = delay_rounding.rounded(before, delay.max_delay, hop, dt, rule.delays)
    return int(torch.count_nonzero(delay.delay.data != before))


def _saturated(neuron: Any) -> tuple[str, ...]:
    timestep, found = neuron.timestep, []
    for name in ("current_decay", "voltage_decay"):
        kept = retained(getattr(neuron, name).detach().double() / neuron.p_scale, timestep.dt, timestep.scheme)
        if float(kept.min()) < -1e-6:
            found.append(name)
    return tuple(found)


def _ends(decay: Tensor) -> tuple[int, int]:
    return int(decay.min()), int(decay.max())


def _delays(layers: list[Layer]) -> list[tuple[Any, Tensor]]:
    blocks = [layer.block for layer in layers if getattr(layer.block, "delay", None) is not None]
    return [(block.delay.delay, block.delay.delay.data) for block in blocks]


def _rule(rule: Any) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str):
        raise TypeError(f"the rule is a {type(rule).__name__}: pass one of lava_dt.conversion.RULES, or its name")
    if rule not in RULES:
        raise ValueError(f"the rule {rule!r} is unknown: pass one of {', '.join(RULES)}")
    return RULES[rule]


def _check_responses(rule: Rule, layers: list[Layer], responses: Any) -> None:
    if responses is None:
        raise ValueError(
            f"{rule.name} matches thresholds to what the network does at its own step, and no responses came: pass "
            "lava_dt.conversion.record(net, batches), made before the conversion"
        )
    if not isinstance(responses, Responses):
        raise TypeError(f"the responses are a {type(responses).__name__}: pass what lava_dt.conversion.record returned")
    names = tuple(layer.name for layer in layers if layer.spikes)
    if names != responses.names:
        raise ValueError(
            f"the responses are of the layers {', '.join(responses.names)}, but the network has {', '.join(names)}: "
            "record this network"
        )
    for layer, batches in zip((layer for layer in layers if layer.spikes), responses.spikes, strict=True):
        shape, recorded = tuple(layer.neuron.shape or ()), tuple(batches[0].shape[1:-1])
        if shape and shape != recorded:
            raise ValueError(
                f"the responses of {layer.name} are of neurons of shape {recorded}, but the network's have {shape}: "
                "record this network"
            )


def _row(layer: LayerConversion) -> tuple[str, ...]:
    decays = ", ".join(
        str(low) if low == high else f"{low}-{high}" for low, high in (layer.current_decay, layer.voltage_decay)
    )
    threshold = f"{layer.threshold_before} -> {layer.threshold_after}" if layer.threshold_before else "none"
    return layer.name, decays, f"{layer.gain:.4g}", threshold, f"{layer.factor:.3g}", str(layer.delays_moved)
