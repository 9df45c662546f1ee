"""The exact solution of the continuous neuron, for equal time constants too (EQUATIONS B.1).

A state is an array (2, ...): the potential u and the current i. Between spikes

    u(t) = u e^(-t/tau_mem) + (R/tau_mem) g(t) i,   i(t) = i e^(-t/tau_syn),
    g(t) = tau_mem tau_syn/(tau_mem - tau_syn) (e^(-t/tau_mem) - e^(-t/tau_syn)),

and g(t) = t e^(-t/tau) in the limit of equal time constants. Written as g(t) = t e^(-t/slow) exprel(-|delta| t) with
delta = 1/tau_syn - 1/tau_mem and exprel(x) = (e^x - 1)/x, it neither divides by zero nor cancels near the limit. Every
derivative of a state decays by the same law, as it is A times the one before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import exprel

from bats_dt.theory.lif import LIF


def propagate(lif: LIF, state: Any, since: Any) -> np.ndarray:
    """The state (2, ...) after ``since`` seconds without input; shapes broadcast."""
    u, i = np.asarray(state, np.float64)
    since = np.asarray(since, np.float64)
    rate = abs(1 / lif.tau_syn - 1 / lif.tau_mem)
    g = since * np.exp(-since / max(lif.tau_mem, lif.tau_syn)) * exprel(-rate * since)
    u, i = np.broadcast_arrays(
        u * np.exp(-since / lif.tau_mem) + lif.resistance / lif.tau_mem * g * i, i * np.exp(-since / lif.tau_syn)
    )
    return np.stack([u, i])


def impulse_response(lif: LIF, since: Any) -> np.ndarray:
    """u after a spike of weight 1 at 0, 0 before it; ``since`` [s], any shape: the inverse Laplace transform of H."""
    since = np.asarray(since, np.float64)
    return np.where(since >= 0, propagate(lif, (0.0, 1 / lif.tau_syn), np.maximum(since, 0))[0], 0.0)


def turning_time(lif: LIF, state: Any) -> np.ndarray:
    """When u has its one extremum, du/dt = 0 [s]: (...) of a state (2, ...); nan where it has none later than 0.

    It is where u = R i: t = -log(1 + delta tau_syn (u/(R i) - 1))/delta, the time tau_syn (1 - u/(R i)) for delta = 0.
    """
    u, i = np.asarray(state, np.float64)
    delta = 1 / lif.tau_syn - 1 / lif.tau_mem
    with np.errstate(divide="ignore", invalid="ignore"):
        before = lif.tau_syn * (1 - u / (lif.resistance * i))
        time = -np.log1p(-delta * before) / delta if delta else before
    return np.where(np.isfinite(time) & (time > 0), time, np.nan)


def states_after(lif: LIF, times: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The states (2, n) right after each spike, from rest; ``times`` (n,) [s] sorted, ``weights`` (n,)."""
    states = np.zeros((2, len(times)))
    state, before = np.zeros(2), 0.0
    for k, (time, weight) in enumerate(zip(times, weights, strict=True)):
        state = propagate(lif, state, time - before)
        state[1] += weight / lif.tau_syn
        states[:, k], before = state, time
    return states


def trajectory(lif: LIF, times: Any, weights: Any, at: Any) -> np.ndarray:
    """The exact states (2, m) at the times ``at`` (m,) [s], from rest; a spike at the time itself is in them.

    times, weights: of the input spikes, (n,); the times sorted.
    """
    times, weights, at = (np.asarray(given, np.float64) for given in (times, weights, at))
    states = np.concatenate([np.zeros((2, 1)), states_after(lif, times, weights)], axis=1)
    last = np.searchsorted(times, at, side="right")
    return propagate(lif, states[:, last], at - np.concatenate([[0.0], times])[last])


def largest_derivative(lif: LIF, order: int, times: Any, weights: Any, end: float) -> np.ndarray:
    """max |d^k u/dt^k| and max |d^k i/dt^k| from 0 to ``end``, (2,), between spikes where they exist.

    At a spike i and u' jump, so u'' and i' are no functions there: the largest values on both sides are taken.
    """
    times, weights = np.asarray(times, np.float64), np.asarray(weights, np.float64)
    kept = times < end
    times, weights = times[kept], weights[kept]
    if not len(times):
        return np.zeros(2)
    states = np.linalg.matrix_power(lif.matrix, order) @ states_after(lif, times, weights)
    until = np.diff(times, append=end)
    turning = turning_time(lif, states)
    turning = np.where(turning < until, turning, 0.0)
    candidates = [np.abs(propagate(lif, states, since)) for since in (0.0, turning, until)]
    return np.asarray(np.max(candidates, axis=(0, 2)))
