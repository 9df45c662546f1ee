"""CuBa neurons on a GPU: `cuba.cu` on torch's tensors. Same arguments as `cpu`, the same bits forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.dynamics.launch import launch

SOURCE = Path(__file__).with_name("cuba.cu")


def forward(drive: Tensor, neurons: Neurons, state: State, save: bool) -> tuple[Tensor, State, Tensor | None]:
    """See `reference.forward`."""
    batch, steps, n = drive.shape
    spikes = torch.empty_like(drive)
    after = State(*(torch.empty_like(before) for before in (state.current, state.voltage, state.tail)))
    saved = torch.empty_like(drive) if save else None
    parameters = (neurons.current_decay, neurons.voltage_decay, neurons.threshold)
    launch(
        SOURCE,
        "forward",
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
    kept = [(1 - decay / 4096).float() for decay in (neurons.current_decay, neurons.voltage_decay)]
    theta = ((neurons.threshold.double() + 0.01) / neurons.scale).float()
    width = neurons.surrogate_width
    parameters = (*kept, theta, width.float())
    launch(
        SOURCE,
        "backward",
        batch * n,
        grad_spikes,
        voltage,
        *parameters,
        (neurons.surrogate_scale / (2 * width)).float(),
        *(np.int64(parameter.numel()) for parameter in parameters),
        np.float32(1 / neurons.scale),
        grad_drive,
        *map(np.int64, (batch, steps, n, hop)),
    )
    return grad_drive
