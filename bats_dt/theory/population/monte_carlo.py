"""Populations simulated neuron by neuron, against which the density is held (EQUATIONS B.3)."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.theory.lif import LIF
from bats_dt.theory.response import impulse_response
from bats_dt.theory.scheme import Stepped

_AT_ONCE = 1 << 22  # spikes


def sample_states(lif: LIF, rate: float, weight: float, time: float, n_neurons: int, seed: int) -> np.ndarray:
    """States (2, n_neurons), u and i, at ``time`` [s] after rest, of neurons without a threshold.

    Exact: the sums of the responses to Poisson spikes at ``rate`` [1/s]; no step is made. After some 12 of the longer
    time constant they are samples of the stationary density.
    """
    rng = np.random.default_rng(seed)
    states, chunk = np.empty((2, n_neurons)), max(1, int(_AT_ONCE / max(rate * time, 1.0)))
    for first in range(0, n_neurons, chunk):
        counts = rng.poisson(rate * time, min(chunk, n_neurons - first))
        since = rng.uniform(0, time, counts.sum())
        owner = np.repeat(np.arange(len(counts)), counts)
        for row, response in enumerate((impulse_response(lif, since), np.exp(-since / lif.tau_syn) / lif.tau_syn)):
            states[row, first : first + len(counts)] = weight * np.bincount(owner, response, len(counts))
    return states


def sample_rates(
    lif: LIF,
    rate: float,
    weight: float,
    duration: float,
    n_neurons: int,
    seed: int,
    *,
    dt: float,
    threshold: float,
    v_reset: float = 0.0,
) -> np.ndarray:
    """Spikes a second and neuron in each step, (n_steps,), of neurons from rest that are reset to ``v_reset``.

    Exponential scheme at steps of dt: exact but for spikes, in and out, being told to the step only.
    """
    rng = np.random.default_rng(seed)
    p, q, a, b, c = Stepped(lif, dt, "exponential").coefficients
    u, i = np.zeros((2, n_neurons))
    rates = np.empty(math.floor(duration / dt + 1e-9))
    for step in range(len(rates)):
        x = weight * rng.poisson(rate * dt, n_neurons)
        u, i = q * u + b * i + c * x, p * i + a * x
        spikes = u >= threshold
        u[spikes] = v_reset
        rates[step] = spikes.mean() / dt
    return rates
