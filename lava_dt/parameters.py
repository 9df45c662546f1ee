"""Neuron parameters before they reach lava-dl: time constants into decays, and what would be altered refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from lava_dt.time_constants import in_decays
from lava_dt.timestep import Timestep

DECAYS = ("current_decay", "voltage_decay")


def prepare(parameters: dict[str, Any], timestep: Timestep) -> dict[str, Any]:
    """Neuron parameters as lava-dl's neuron takes them: `in_decays`, then `check_parameters`.

    Raises:
        TypeError, ValueError: as those two.
    """
    parameters = in_decays(parameters, timestep.scheme, timestep.dt)
    check_parameters(parameters, timestep)
    return parameters


def check_parameters(parameters: dict[str, Any], timestep: Timestep) -> None:
    """Checks threshold and decays among neuron parameters, numbers or ranges; leaves the rest to lava-dl's own checks.

    Raises:
        ValueError: a threshold below one integer of the weights' scale; a decay as `Timestep.check_decay` says.
    """
    threshold, scale = parameters.get("threshold"), parameters.get("scale", 1 << 6)
    if _is_number(threshold) and int(threshold * scale) < 1:
        raise ValueError(
            f"threshold is {threshold:g}, which is less than one integer of the weights' scale and would be rounded to "
            f"0: use {1 / scale:g} or more, or a larger scale"
        )
    for name in DECAYS:
        decay = parameters.get(name)
        for value in decay if isinstance(decay, (tuple, list)) else (decay,):
            if _is_number(value):
                timestep.check_decay(float(value), name)


def decay_range(neuron: Any, name: str) -> tuple[float, float]:
    """The lowest and highest decay of a CuBa neuron, fractions lost in a fine step; of the range if not drawn yet.

    Args:
        neuron: lava_dt's or lava-dl's.
        name: ``current_decay`` or ``voltage_decay``.
    """
    if hasattr(neuron, f"{name}_min"):
        return getattr(neuron, f"{name}_min"), getattr(neuron, f"{name}_max")
    decay = getattr(neuron, name).detach() / neuron.p_scale
    return decay.min().item(), decay.max().item()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))
