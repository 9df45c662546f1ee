"""CuBa neurons on a GPU: `cuba.cu` on torch's tensors. Same arguments as `cpu`, the same bits forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lava_dt.dynamics.cuba.bounds import integer_type_of
from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.dynamics.launch import launch

SOURCE = Path(__file__).with_name("cuba.cu")


def forward(drive: Tensor, neurons: Neurons, state: State, save: bool) -> tuple[Tensor, State, Tensor | None]:
    """See `reference.forward`; waits for the drive once, to see how large it is."""
    batch, steps, n = drive.shape
    integer = integer_type_of(drive, neurons, state)
    spikes = torch.empty_like(drive)
    after = State(*(torch.empty_like(before) for before in (state.current, state.voltage, state.tail)))
    saved = torch.empty_like(drive) if save else None
    parameters = (neurons.current_decay, neurons.voltage_decay, neurons.threshold)
    launch(
        SOURCE,
        f"forward_{integer.__name__}",
        batch * n,
        drive,
        *parameters,
        *(np.int64(parameter.numel()) for parameter in parameters),
        np.float32(neurons.scale),
        np.int32(neurons.soft_reset),
        state.current,
        state.voltage,
        state.tail,
        spikes,
        after.current,
        after.voltage,
        after.tail,
        saved,
        *map(np.int64, (batch, steps, n, state.tail.shape[1])),
    )
    return spikes, after, saved


def backward(grad_spikes: Tensor, voltage: Tensor, neurons: Neurons, hop: int) -> Tensor:
    """See `reference.backward`; within 2e-6 of the largest gradient, for exp is another."""
    batch, steps, n = grad_spikes.shape
    grad_drive = torch.empty_like(grad_spikes)
    parameters = (neurons.current_decay, neurons.voltage_decay, neurons.threshold, neurons.surrogate_width)
    launch(
        SOURCE,
        "backward",
        batch * n,
        grad_spikes,
        voltage,
        *parameters,
        *(np.int64(parameter.numel()) for parameter in parameters),
        np.float64(neurons.scale),
        np.float64(neurons.surrogate_scale),
        grad_drive,
        *map(np.int64, (batch, steps, n, hop)),
    )
    return grad_drive
