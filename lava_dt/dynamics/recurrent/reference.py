"""A layer that feeds its spikes back to itself, in plain loops that read like the equations; never optimised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(
    drive: Array,
    weights: Array,
    bias: float,
    current_decay: Array,
    voltage_decay: Array,
    level: Array,
    scale: int,
    soft_reset: bool,
    current: Array,
    voltage: Array,
    tail: Array,
) -> tuple[Array, Array, Array]:
    """Spikes, voltages and currents, one step after the other.

    Args:
        drive: (batch, steps, n) float32, what comes from outside.
        weights: (n, n) float32, R[post, pre].
        bias: added to every step's drive.
        current_decay, voltage_decay: (1,) or (n,) int64 in [0, 4096].
        level: (1,) or (n,) int64, the threshold in 1/scale.
        scale: integers per real unit.
        soft_reset: subtract the threshold at a spike instead of setting the voltage to zero.
        current, voltage: (batch, n) float32, the states before the first step in real units; overwritten with those
            after the last, the voltage after its reset.
        tail: (batch, hop, n) float32, hop <= steps: the spikes before the first step, which come out in the first hop
            steps; overwritten with the spikes of the last hop steps.

    Returns:
        spikes, hop steps late, voltages before the reset and currents, each (batch, steps, n) float32.
    """
    real = np.float32
    spikes, voltages, currents = np.zeros_like(drive), np.zeros_like(drive), np.zeros_like(drive)
    batch, steps, n = drive.shape
    for b in range(batch):
        fired = np.zeros(n, real)
        for t in range(steps):
            feedback = [real(bias) + real(np.sum(weights[i] * fired, dtype=real)) for i in range(n)]
            for i in range(n):
                u = _leak(current[b, i], drive[b, t, i] + feedback[i], current_decay[i % current_decay.size], scale)
                v = _leak(voltage[b, i], u, voltage_decay[i % voltage_decay.size], scale)
                theta = level[i % level.size]
                currents[b, t, i], voltages[b, t, i] = u, v
                current[b, i], voltage[b, i] = u, v
                if np.rint(v * real(scale)) > theta:
                    spikes[b, t, i] = 1
                    voltage[b, i] = v - real(theta) / real(scale) if soft_reset else 0
            fired = spikes[b, t]
    out = np.concatenate([tail, spikes], 1)
    tail[:] = out[:, steps:]
    return out[:, :steps], voltages, currents


def _leak(state: Any, x: Any, decay: Any, scale: int) -> Any:
    """One step of the leaky integrator in integers; state, x and result are float32 in real units."""
    real = np.float32
    before = int(real(scale) * state)
    kept = (abs(before) * (4096 - int(decay))) >> 12
    after = (kept if before >= 0 else -kept) + int(real(scale) * x)
    return real(after) / real(scale)


def backward(
    grad_spikes: Array, slope: Array, spikes: Array, weights: Array, keep_current: Array, keep_voltage: Array
) -> tuple[Array, Array]:
    """Adjoint of the recurrence, from the last step to the first; the reset is ignored.

        g[t] = slope[t] (grad_spikes[t] + R' gu[t+1]),  gv[t] = g[t] + keep_v gv[t+1],  gu[t] = gv[t] + keep_u gu[t+1]

    Args:
        grad_spikes, slope, spikes: (batch, steps, n); slope is d spike / d voltage.
        weights: (n, n), R[post, pre].
        keep_current, keep_voltage: (1,) or (n,), 1 - decay/4096.

    Returns:
        gu, the gradient of the drive, (batch, steps, n), and sum over t of gu[t+1] spikes[t]', that of R, (n, n).
    """
    batch, steps, _ = grad_spikes.shape
    grad_drive, grad_weights = np.zeros_like(grad_spikes), np.zeros_like(weights)
    for b in range(batch):
        grad_u, grad_v = np.zeros_like(grad_spikes[b, 0]), np.zeros_like(grad_spikes[b, 0])
        for t in reversed(range(steps)):
            grad_v = slope[b, t] * (grad_spikes[b, t] + weights.T @ grad_u) + keep_voltage * grad_v
            grad_u = grad_v + keep_current * grad_u
            grad_drive[b, t] = grad_u
            if t > 0:
                grad_weights += np.outer(grad_u, spikes[b, t - 1])
    return grad_drive, grad_weights
