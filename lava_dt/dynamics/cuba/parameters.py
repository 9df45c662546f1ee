"""What the CPU's kernels read and write: parameters of `Neurons` as the arrays blocks are loaded from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_dt.dynamics.cuba.neurons import P_BITS, Neurons, State
from lava_dt.room import room

Array = NDArray[Any]


def of_step(neurons: Neurons, n: int, integer: Any) -> Array:
    """(3, n): what a step keeps of current and voltage in 1/4096, and the threshold; made once, and read only."""
    if (n, integer) not in neurons.arrays:
        neurons.arrays[n, integer] = _of_step(neurons, n, integer)
    return neurons.arrays[n, integer]


def _of_step(neurons: Neurons, n: int, integer: Any) -> Array:
    values = np.empty((3, n), integer)
    values[0] = (1 << P_BITS) - neurons.current_decay.numpy()
    values[1] = (1 << P_BITS) - neurons.voltage_decay.numpy()
    values[2] = neurons.threshold.numpy()
    return values


def of_adjoint(neurons: Neurons, n: int) -> Array:
    """(5, n) float32: kept share of voltage and current; centre, slope (of a power of two) and height of the surrogate.

    The centre is where lava-dl has it, 0.01 integers above the threshold. Made once, and read only.
    """
    if (n, np.float32) not in neurons.arrays:
        neurons.arrays[n, np.float32] = _of_adjoint(neurons, n)
    return neurons.arrays[n, np.float32]


def _of_adjoint(neurons: Neurons, n: int) -> Array:
    values = np.empty((5, n), np.float32)
    width = neurons.surrogate_width.numpy()
    values[0] = 1 - neurons.voltage_decay.numpy() / (1 << P_BITS)
    values[1] = 1 - neurons.current_decay.numpy() / (1 << P_BITS)
    values[2] = (neurons.threshold.numpy() + 0.01) / neurons.scale
    values[3] = 1 / (math.log(2) * width)
    values[4] = neurons.surrogate_scale / (2 * width)
    return values


def outputs(state: State, steps: int) -> tuple[Tensor, State]:
    """Room for a call's spikes (batch, steps, n) and for the state after it, what the tail delivers filled in."""
    batch, hop, n = state.tail.shape
    spikes, tail, before = room(batch, steps, n), np.empty((batch, hop, n), np.float32), state.tail.numpy()
    arrived = min(hop, steps)
    spikes.numpy()[:, :arrived] = before[:, :arrived]
    tail[:, : hop - arrived] = before[:, arrived:]
    current, voltage = np.empty((2, batch, n), np.int64)
    return spikes, State(*map(torch.from_numpy, (current, voltage, tail)))


def flat(signal: Tensor) -> Array:
    """(batch, steps, n) as (batch * steps, n), without a copy where it is contiguous."""
    batch, steps, n = signal.shape
    return signal.detach().contiguous().numpy().reshape(batch * steps, n)
