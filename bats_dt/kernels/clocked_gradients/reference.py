"""Backward pass by pairs of steps, as EQUATIONS B.4 has it: O(T^2) for each neuron, float64, nothing carried along.

The contract's recursions are written out as sums over pairs: from a spike to every step since the one before, from a
step to every later step that an input is felt in. It takes minutes where the others take milliseconds.
"""

from __future__ import annotations

import math

import numpy as np

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.discretization import kept
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.spikes import SpikeEvents


def clocked_gradients(
    errors: np.ndarray,
    spikes: ClockedSpikes,
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: ClockedNeuron,
    n_steps: int,
    parts: int,
    with_input_errors: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Contract: :func:`bats_dt.kernels.clocked_gradients.clocked_gradients`."""
    dtype, batch, (_, n_post) = weights.dtype, inputs.batch, weights.shape
    every_error = np.zeros(len(spikes.steps))
    every_error[spikes.kept] = errors
    gradient, input_errors = np.zeros((parts, *weights.shape)), np.zeros(len(inputs.times))
    for sample in range(batch):
        part = next(p for p in range(parts) if sample < (p + 1) * batch // parts)
        for j in range(n_post):
            own = [k for k in range(spikes.offsets[sample], spikes.offsets[sample + 1]) if spikes.neurons[k] == j]
            by_potential = _by_potential([float(every_error[k]) for k in own], own, spikes, neuron, n_steps)
            for event in range(inputs.offsets[sample], inputs.offsets[sample + 1]):
                pre, step = inputs.neurons[event], int(spikes.input_steps[event])
                late = float(inputs.times[event]) - step * neuron.dt
                by_charge, by_shift = _of_input(by_potential, step, late, neuron)
                gradient[part, pre, j] += by_charge
                input_errors[event] += float(weights[pre, j]) * (by_charge / neuron.tau_syn - by_shift)
    return gradient.astype(dtype), (input_errors.astype(dtype) if with_input_errors else None)


def _by_potential(
    errors: list[float], own: list[int], spikes: ClockedSpikes, neuron: ClockedNeuron, n_steps: int
) -> list[float]:
    """dL/dU of one neuron in every step, by the spike that comes next [B38, B39]."""
    q = kept(neuron.dt / neuron.tau_mem, neuron.scheme)
    steps = [int(spikes.steps[k]) for k in own]
    at_spikes = [0.0] * len(own)  # dL/dU in the step of each spike
    for n in reversed(range(len(own))):
        slope, drop = float(spikes.slopes[own[n]]), float(spikes.drops[own[n]])
        after = at_spikes[n + 1] * q ** (steps[n + 1] - steps[n]) if n + 1 < len(own) else 0.0  # dL/du behind it
        later = drop / neuron.tau_mem + (slope if neuron.reset == "hard" else 0.0)  # -du/dt_i behind it
        by_time = errors[n] - after * later
        through = after if neuron.reset == "soft" else 0.0  # the potential that a soft reset leaves
        if slope == 0:
            errors[n - 1] += by_time
            at_spikes[n] = through
        else:
            at_spikes[n] = through - by_time * min(1 / slope, neuron.clamp)
    found = []
    for k in range(n_steps):
        following = next((n for n in range(len(own)) if steps[n] >= k), None)
        found.append(0.0 if following is None else q ** (steps[following] - k) * at_spikes[following])
    return found


def _of_input(by_potential: list[float], step: int, late: float, neuron: ClockedNeuron) -> tuple[float, float]:
    """By the weight, and by the part of the potential that a later input misses, of an input in ``step``.

    late: how much later than the beginning of its step it came [s].
    """
    n_steps = len(by_potential)
    first = step + (neuron.scheme == "forward_euler")  # the first step whose potential feels it
    total = sum(by_potential[m] * neuron.charge * _felt(m, step, late, neuron) for m in range(first, n_steps))
    q = kept(neuron.dt / neuron.tau_mem, neuron.scheme)
    missed = neuron.charge * neuron.resistance / neuron.tau_mem * q * by_potential[first] if first < n_steps else 0.0
    return total, missed


def _felt(m: int, step: int, late: float, neuron: ClockedNeuron) -> float:
    """What U of step m takes from a current of 1 that jumped in ``step``, of that step alone [B40]."""
    dt, tau_s, tau_m, r = neuron.dt, neuron.tau_syn, neuron.tau_mem, neuron.resistance
    if neuron.estimator == "continuous":

        def current(n: int) -> float:  # at the end of step n, by the time since the input came
            return math.exp(-((n + 1 - step) * dt - late) / tau_s)

        before = current(m - 1)
    else:
        p = kept(dt / tau_s, neuron.scheme)

        def current(n: int) -> float:  # by the decays of the scheme
            return p ** (n - step if neuron.scheme == "forward_euler" else n + 1 - step)

        before = p ** (m - 1 - step) if neuron.scheme == "forward_euler" else p ** (m - step)
    if neuron.scheme == "forward_euler":
        return dt * r / tau_m * before
    if neuron.scheme == "backward_euler":
        return dt * r / (tau_m + dt) * current(m)
    if neuron.scheme == "bilinear":
        return dt * r / (2 * tau_m + dt) * (before + current(m))
    keep_i, keep_u = math.exp(-dt / tau_s), math.exp(-dt / tau_m)
    rise = tau_s / (tau_m - tau_s) * (keep_u - keep_i) if tau_m != tau_s else dt / tau_m * keep_u
    return r * rise * before
