"""Forward pass as the equations read: one neuron at a time, step by step, float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.spikes import SpikeEvents


class Step(NamedTuple):
    """A neuron at the end of a step: i, u before the reset, whether it spikes, and then its slope and drop."""

    current: float
    potential: float
    spike: bool
    slope: float
    drop: float


def clocked_spikes(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, n_steps: int, max_spikes: int
) -> ClockedSpikes:
    """Contract: :func:`bats_dt.kernels.clocked_spikes.clocked_spikes`."""
    found: list[tuple[int, int, int, int, Step]] = []  # sample, step, neuron, slot, what happened
    diverged = np.full(inputs.batch, -1)
    for sample in range(inputs.batch):
        for j in range(weights.shape[1]):
            slot = 0
            for k, step in enumerate(_steps(neuron, _drive(inputs, weights, neuron, sample, j, n_steps))):
                if not abs(step.potential) <= float(np.finfo(weights.dtype).max):
                    diverged[sample] = j
                    break
                if step.spike:
                    found.append((sample, k, j, slot, step))
                    slot += 1
    found.sort(key=lambda spike: spike[:3])
    samples, steps, neurons, slots = (np.array([spike[n] for spike in found], np.int64) for n in range(4))
    kept = slots < max_spikes
    counts = [np.bincount(samples[mask], minlength=inputs.batch) for mask in (slice(None), kept)]
    offsets, event_offsets = (np.concatenate([[0], np.cumsum(count)]).astype(np.int64) for count in counts)
    slopes = np.array([spike[4].slope for spike in found])
    return ClockedSpikes(
        SpikeEvents(
            event_offsets,
            ((steps[kept] + 1) * neuron.dt).astype(weights.dtype),
            neurons[kept].astype(np.int32),
            slots[kept].astype(np.int32),
            weights.shape[1],
            max_spikes,
        ),
        offsets,
        steps.astype(np.int32),
        neurons.astype(np.int32),
        slopes.astype(weights.dtype),
        np.array([spike[4].drop for spike in found], weights.dtype),
        kept,
        neuron.steps_of(inputs.times, n_steps),
        lost=counts[0] - counts[1],
        bounded=np.bincount(samples[(slopes > 0) & (slopes * neuron.clamp < 1)], minlength=inputs.batch),
        diverged=diverged,
    )


def record(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, currents: np.ndarray, potentials: np.ndarray
) -> None:
    """Fill both arrays (batch, n_steps, n_post)."""
    batch, n_steps, n_post = currents.shape
    for sample in range(batch):
        for j in range(n_post):
            for k, step in enumerate(_steps(neuron, _drive(inputs, weights, neuron, sample, j, n_steps))):
                currents[sample, k, j], potentials[sample, k, j] = step.current, step.potential


def _drive(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, sample: int, j: int, n_steps: int
) -> list[float]:
    """x of each step: the weights of the inputs that arrive in it."""
    drive = [0.0] * n_steps
    steps = neuron.steps_of(inputs.times, n_steps)
    for event in range(inputs.offsets[sample], inputs.offsets[sample + 1]):
        if steps[event] < n_steps:
            drive[steps[event]] += float(weights[inputs.neurons[event], j])
    return drive


def _steps(neuron: ClockedNeuron, drive: list[float]) -> Iterator[Step]:
    """The steps of one neuron, by EQUATIONS B.2 written out."""
    dt, tau_m, tau_s, theta = neuron.dt, neuron.tau_mem, neuron.tau_syn, neuron.threshold
    rate = dt * neuron.resistance / tau_m
    keep_i, keep_u = np.exp(-dt / tau_s), np.exp(-dt / tau_m)
    i = u = 0.0
    for x in drive:
        before, jumped = u, i + neuron.charge * x
        if neuron.scheme == "forward_euler":
            u = (1 - dt / tau_m) * u + rate * i
            i = (1 - dt / tau_s) * i + neuron.charge * x
        elif neuron.scheme == "backward_euler":
            i = tau_s / (tau_s + dt) * jumped
            u = tau_m / (tau_m + dt) * (u + rate * i)
        elif neuron.scheme == "exponential":
            i = keep_i * jumped
            rise = tau_s / (tau_m - tau_s) * (keep_u - keep_i) if tau_m != tau_s else dt / tau_m * keep_u
            u = keep_u * u + neuron.resistance * rise * jumped
        else:
            i = (1 - dt / (2 * tau_s)) / (1 + dt / (2 * tau_s)) * jumped
            u = ((1 - dt / (2 * tau_m)) * u + rate * (jumped + i) / 2) / (1 + dt / (2 * tau_m))
        potential = u
        spike = u >= theta
        if spike:
            u = neuron.v_reset if neuron.reset == "hard" else u - (theta - neuron.v_reset)
        slope = (potential - before) / dt if spike and before < theta else 0.0
        yield Step(i, potential, spike, slope, potential - u)
