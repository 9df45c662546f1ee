"""A network that was trained at a step of dt, with that step as its own: what coarser steps are counted in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from lava_dt.block.stepped import Stepped
from lava_dt.export.blocks import blocks_of, describe
from lava_dt.timestep import Timestep
from runs.config import ConfigError


def take_own_step(net: Any) -> int:
    """Makes the step of dt that a network has the step that it counts in, in place: dt = 1 then.

    Decays, thresholds and delays of a step of dt become those of a fine step, as they are in the registers; what the
    network makes of bins of dt fine steps stays the same, spike for spike. On the held clock that is what it does at
    its grid steps.

    Returns:
        The dt that it had; 1: nothing was changed.

    Raises:
        ConfigError: a layer that cannot be said in one step; some layers have changed then.
        TypeError, ValueError: as `lava_dt.export.blocks.describe`.
    """
    before = describe(net)
    if before.timestep.dt == 1:
        return 1
    for layer, block in zip(before.layers, blocks_of(net), strict=True):
        if isinstance(block, Stepped):
            with torch.no_grad():
                _take(block, layer)
    for layer, made in zip(before.layers, describe(net).layers, strict=True):
        part = layer.differs_from(replace(made, timestep=layer.timestep))
        if part is not None:
            raise ConfigError(
                f"{layer.name} cannot count in its own step of dt = {before.timestep.dt}: its {part} would change; "
                "tune the network that was trained at dt = 1"
            )
    return before.timestep.dt


def _take(block: Any, layer: Any) -> None:
    timestep, neuron = Timestep(reset=layer.timestep.reset), block.neuron
    if neuron is None:
        block.set_timestep(timestep)
        return
    decays = {name: getattr(neuron, f"{name[:-6]}_step_decay").clone() for name in ("current_decay", "voltage_decay")}
    threshold, mean = neuron.threshold_mantissa.unique(), getattr(neuron.norm, "running_mean", None)
    mean = None if mean is None else mean.clone()
    if threshold.numel() > 1:
        raise ConfigError(
            f"{layer.name} has thresholds that differ by neuron at dt = {layer.timestep.dt}, and one at its own step: "
            "tune the network that was trained at dt = 1"
        )
    block.set_timestep(timestep)
    for name, decay in decays.items():
        getattr(neuron, name).copy_(decay)
    if (neuron._threshold or 0) > 0:
        own = int(threshold) / neuron.w_scale
        neuron.tau_rho *= own / neuron._threshold
        neuron._threshold = own
    if mean is not None:
        neuron.norm.running_mean = mean
    if block.delay is not None:
        ticks = torch.zeros(1) if layer.delay is None else torch.from_numpy(layer.delay).to(torch.float32)
        block.delay.delay.data = ticks
        if block.delay.max_delay is not None:
            block.delay.max_delay = max(block.delay.max_delay / layer.timestep.dt, float(ticks.max()))
