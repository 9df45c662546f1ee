"""How large currents and voltages can become, which decides between 32-bit and 64-bit integers before a kernel runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_dt.dynamics.cuba.neurons import P_BITS, Neurons, State

LARGEST_32 = (1 << 31) - (1 << 8)  # float32 rounds by up to 2**7 there, and a rounded current must fit again
LARGEST_64 = 1 << 62


def integer_type(drive: float, steps: int, neurons: Neurons, state: State) -> Any:
    """np.int32 or np.int64: what no sum, current or voltage of a call can leave.

    With |x| <= X at every step and a loss of a/4096 a step, |u| <= |u(0)| + X min(steps, 4096/a); likewise v from u.
    The soft reset only lowers a voltage that is above its threshold and therefore positive.

    Args:
        drive: largest size of x, in 1/scale.
        steps: of the call.

    Raises:
        ValueError: the voltage could leave 64 bits as well.
    """
    (current_decay, _), (voltage_decay, _), (_, threshold) = neurons.ranges
    current_before, voltage_before = (0.0, 0.0) if state.resting else map(_largest, (state.current, state.voltage))
    current = current_before + drive * _gathered(current_decay, steps)
    current *= 1 + 2**-23  # it reaches the voltage rounded to float32
    voltage = voltage_before + current * _gathered(voltage_decay, steps)
    bound = max(current, voltage, float(threshold))
    if not bound < LARGEST_64:
        raise ValueError(
            f"a drive of up to {drive / neurons.scale:.3g} could bring the voltage to {bound / neurons.scale:.3g}, "
            f"beyond 64-bit integers of 1/{neurons.scale}: scale the drive down"
        )
    return np.int32 if bound < LARGEST_32 else np.int64


def integer_type_of(drive: Tensor, neurons: Neurons, state: State) -> Any:
    """`integer_type` for a drive (batch, steps, n) in real units.

    Raises:
        ValueError: as `integer_type`; or the drive is not finite.
    """
    if not drive.numel():
        return integer_type(0.0, drive.shape[1], neurons, state)
    low, high = torch.stack(torch.aminmax(drive)).tolist()  # one answer to wait for, on a GPU
    largest = max(-low, high)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("the drive is not finite everywhere: look for weights or inputs that are NaN or infinite")
    return integer_type(largest * neurons.scale, drive.shape[1], neurons, state)


def _gathered(decay: int, steps: int) -> float:
    """How many steps' worth of input can be held at once by neurons that lose ``decay``/4096 a step or more."""
    return min(steps, (1 << P_BITS) / decay) if decay else steps


def _largest(values: Tensor) -> float:
    if not values.numel():
        return 0.0
    low, high = torch.aminmax(values)
    return float(max(-int(low), int(high)))
