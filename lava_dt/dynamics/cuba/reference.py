"""The fused CuBa layer in plain loops that read like the equations; never optimised."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.dynamics.cuba.weights import quantised

if TYPE_CHECKING:
    from lava_dt.events import Events
    from lava_dt.synapse import Connections

Array = NDArray[Any]


def forward(drive: Tensor, neurons: Neurons, state: State, save: bool) -> tuple[Tensor, State, Tensor | None]:
    """Integers of Loihi's compartment, one after the other [A10-A13].

    Args:
        drive: (batch, steps, n) float32, finite.
        neurons: their parameters.
        state: before the first step; the length of its tail is the hop.
        save: whether the voltage is needed.

    Returns:
        spikes (batch, steps, n) float32: what fired ``hop`` steps before, the tail of the state first;
        the state after the last step;
        the voltage before the reset, (batch, steps, n) float32 in 1/scale, or None.
    """
    batch, steps, n = drive.shape
    hop = state.tail.shape[1]
    fired = torch.zeros((batch, steps, n))
    voltage = torch.zeros((batch, steps, n))
    current_after, voltage_after = state.current.clone(), state.voltage.clone()
    for b, j in np.ndindex(batch, n):
        alpha, beta, theta = (
            int(p[j % p.numel()]) for p in (neurons.current_decay, neurons.voltage_decay, neurons.threshold)
        )
        u, v = int(state.current[b, j]), int(state.voltage[b, j])
        for t in range(steps):
            u = _leak(u, alpha) + int(np.float32(neurons.scale) * np.float32(drive[b, t, j].item()))
            v = _leak(v, beta) + int(np.float32(u))
            voltage[b, t, j] = v
            if v > theta:
                fired[b, t, j] = 1
                v = v - theta if neurons.soft_reset else 0
        current_after[b, j], voltage_after[b, j] = u, v
    arriving = torch.cat([state.tail, fired], 1)
    after = State(current_after, voltage_after, arriving[:, steps : steps + hop].clone())
    return arriving[:, :steps].contiguous(), after, voltage if save else None


def _leak(value: int, decay: int) -> int:
    """toward_zero((4096 - decay) value / 4096)"""
    size = abs(value) * (4096 - decay) >> 12
    return size if value >= 0 else -size


def backward(grad_spikes: Tensor, voltage: Tensor, neurons: Neurons, hop: int) -> Tensor:
    """Adjoint of the linear recurrences behind the surrogate of the spike; the reset is ignored, as by lava-dl.

        g[t] = grad_spikes[t + hop] rho(v[t]);   gv[t] = g[t] + (1 - b) gv[t+1];   gu[t] = gv[t] + (1 - a) gu[t+1]

    Args:
        grad_spikes: (batch, steps, n) float32.
        voltage: as `forward` saved it.
        neurons: their parameters.
        hop: steps after which a spike arrives; those of the last ``hop`` steps have no gradient.

    Returns:
        grad_drive = gu, shape and type of grad_spikes; computed in float64.
    """
    batch, steps, n = voltage.shape
    grad_drive = torch.zeros_like(grad_spikes)
    for b, j in np.ndindex(batch, n):
        alpha, beta, theta, width = (
            float(p[j % p.numel()])
            for p in (neurons.current_decay, neurons.voltage_decay, neurons.threshold, neurons.surrogate_width)
        )
        g_v = g_u = 0.0
        for t in reversed(range(steps - hop)):
            distance = abs(float(voltage[b, t, j]) / neurons.scale - (theta + 0.01) / neurons.scale)
            rho = neurons.surrogate_scale / (2 * width) * math.exp(-distance / width)
            g_v = float(grad_spikes[b, t + hop, j]) * rho + (1 - beta / 4096) * g_v
            g_u = g_v + (1 - alpha / 4096) * g_u
            grad_drive[b, t, j] = g_u
    return grad_drive


def forward_events(
    events: Events,
    rows: Tensor,
    connections: Connections,
    unit: float,
    neurons: Neurons,
    state: State,
    save: bool,
) -> tuple[Tensor, State, Tensor | None, int]:
    """`forward` of the drive that the events bring about.

    Args:
        events: spikes of the inputs.
        rows: (n_rows, width) float32 with any strides; quantised to multiples of ``unit`` (`weights.quantised`).
        connections: what a spike adds where; no input reaches a neuron twice.
        unit: a power of two; unit * scale is whole.
        neurons, state, save: as in `forward`.

    Returns:
        As `forward`, and the largest size of a weight in units, 128 where one is cut at a bound.
    """
    drive = torch.zeros((events.batch, events.steps, connections.n_out))
    largest = min(128, round(float(rows.detach().abs().max()) / unit))
    rows = quantised(rows.detach(), unit)
    for b, t, times, link in _deliveries(events, connections):
        target = int(connections.target[link])
        drive[b, t, target : target + connections.width] += times * rows[int(connections.row[link])]
    return *forward(drive, neurons, state, save), largest


def backward_events(
    grad_spikes: Tensor,
    voltage: Tensor,
    events: Events,
    connections: Connections,
    neurons: Neurons,
    hop: int,
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the rows of weights, (n_rows, width) float32, and, where ``keep``, of the drive as `backward`."""
    grad_drive = backward(grad_spikes, voltage, neurons, hop)
    grad_rows = torch.zeros((connections.n_rows, connections.width), dtype=torch.float64)
    for b, t, times, link in _deliveries(events, connections):
        target = int(connections.target[link])
        grad_rows[int(connections.row[link])] += times * grad_drive[b, t, target : target + connections.width]
    return grad_rows.float(), grad_drive if keep else None


def _deliveries(events: Events, connections: Connections) -> list[tuple[int, int, int, int]]:
    """(sample, step, count, connection) of every spike and every connection of its input."""
    found = []
    for r in range(events.batch * events.steps):
        for e in range(events.start[r], events.start[r + 1]):
            times = 1 if events.count is None else int(events.count[e])
            i = events.index[e]
            for link in range(connections.start[i], connections.start[i + 1]):
                found.append((r // events.steps, r % events.steps, times, link))
    return found
