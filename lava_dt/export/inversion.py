"""From Loihi's registers back to the parameters of a fine step, for files that do not hold those (EQUATIONS A.2)."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.discretization import gain
from lava_dt.export.description import DECAY_UNIT, Fine, NeuronDescription
from lava_dt.timestep import Timestep

SCALE = 1 << 6


def fine_decay(register: np.ndarray, timestep: Timestep) -> np.ndarray:
    """The decay of a fine step whose decay over dt is ``register``/4096: `bats_dt.discretization.retained` inverted.

    Args:
        register: () or (channel,) integers, 0 ... 4096.

    Returns:
        (1,) or (channel,) float32 in 1/4096, which rounds to the register again. Where the scheme took a decay beyond 1
        it is the largest that stays at 1: what was above it is lost.
    """
    kept, dt = 1 - register.reshape(-1) / DECAY_UNIT, timestep.dt
    if timestep.scheme == "forward_euler":
        decay = (1 - kept) / dt
    elif timestep.scheme == "exponential":
        decay = 1 - kept ** (1 / dt)
    elif timestep.scheme == "backward_euler":
        decay = (1 - kept) / (1 - kept + dt * kept)
    else:  # bilinear
        decay = 2 * (1 - kept) / (1 - kept + dt * (1 + kept))
    return (DECAY_UNIT * decay).astype(np.float32)


def fine_threshold(mantissa: np.ndarray, decays: tuple[np.ndarray, np.ndarray], timestep: Timestep) -> int:
    """The integer threshold of a fine step of which the timestep's gain makes ``mantissa``.

    Args:
        mantissa: () or (channel,) integers.
        decays: of current and voltage in a fine step, as `fine_decay` returns them.

    Raises:
        ValueError: there is none: thresholds that differ by channel, for which lava-dl has one.
    """
    current, voltage, wanted = np.broadcast_arrays(*decays, mantissa.reshape(-1))
    pairs = zip(current.tolist(), voltage.tolist(), strict=True)
    scale = DECAY_UNIT
    factors = np.array([gain(a / scale, b / scale, timestep.dt, timestep.scheme) for a, b in pairs])
    if not timestep.folds_gain:
        factors[:] = 1
    low, high = (wanted - 0.5) * factors, (wanted + 0.5) * factors
    first = max(1, math.ceil(low.max()))
    for candidate in range(first, min(first + 2, math.floor(high.min()) + 1)):  # the ends round to even
        if np.array_equal(np.maximum(np.round(candidate / factors), 1), wanted):
            return candidate
    raise ValueError(
        f"thresholds from {mantissa.min()} to {mantissa.max()} are not those of one threshold at dt={timestep.dt}, "
        "and lava-dl's neurons have one for all channels"
    )


def fine_of_registers(neuron: NeuronDescription, timestep: Timestep) -> Fine:
    """Parameters of a fine step that give these registers. Raises ValueError as `fine_threshold`."""
    decays = fine_decay(neuron.current_decay, timestep), fine_decay(neuron.voltage_decay, timestep)
    threshold = fine_threshold(neuron.threshold, decays, timestep) / SCALE if neuron.threshold.any() else 0.0
    return Fine(*decays, threshold, SCALE)
