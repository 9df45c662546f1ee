"""Bounds of the error that stepping makes of the potential, as published and as they hold (EQUATIONS B.2).

Notes, on the published bound (M dt/2L)(e^(Lt) - 1) with M = max |u''|:

* L as printed [B17] does bound the Lipschitz constant of (u', i') as a function of (u, i), by 2|ab| <= a^2 + b^2; the
  smallest such constant is the spectral norm of A.
* M has to bound the second derivative of the whole state (u, i): one step of backward Euler from a state with
  u'' ~ 0 has nearly twice the error that M = max |u''| allows.
* u'' is not bounded, against the thesis, where there are spikes: u' jumps at each. The largest |u''| between spikes
  serves, if spikes lie on the grid.
* Forward Euler as printed [B13] lets a spike into the current at the end of its step. That costs up to dt max |u'|,
  which the published bound leaves out and which is the larger part of its error right after a spike.
* It grows as e^(Lt) where the neuron forgets: `uniform_bound` does not grow, and is the project's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bats_dt.theory.lif import LIF
from bats_dt.theory.response import largest_derivative, propagate
from bats_dt.theory.scheme import Stepped
from bats_dt.theory.stability import alternation_limit

ORDER = {"forward_euler": 1, "backward_euler": 1, "bilinear": 2, "exponential": math.inf}
# One step misses constant dt^(order + 1) times a derivative of that order; the sign is that of log(kept) - (-r)
_CONSTANT = {"forward_euler": -1 / 2, "backward_euler": 1 / 2, "bilinear": 1 / 12}
# The share of A dt that a step takes implicitly: its error passes through (1 - share A dt)^-1
_IMPLICIT = {"forward_euler": 0.0, "backward_euler": 1.0, "bilinear": 0.5}


def lipschitz_published(lif: LIF) -> float:
    """L = sqrt(max{(1 + R)/tau_mem^2, (R + R^2)/tau_mem^2 + 1/tau_syn^2}) [1/s] [B17]."""
    r, over_mem = lif.resistance, 1 / lif.tau_mem**2
    return math.sqrt(max((1 + r) * over_mem, (r + r * r) * over_mem + 1 / lif.tau_syn**2))


def lipschitz(lif: LIF) -> float:
    """The smallest Lipschitz constant of the vector field [1/s]: the spectral norm of A."""
    return float(np.linalg.norm(lif.matrix, 2))


def published_bound(curvature: float, constant: float, dt: float, time: Any) -> np.ndarray:
    """(M dt/2L)(e^(L t) - 1), as published for Euler's methods; see the notes above for when it holds.

    curvature: M [u/s^2]. constant: L [1/s]. time: t [s], any shape. inf where it is above the largest number.
    """
    with np.errstate(over="ignore"):
        return np.asarray(curvature * dt / (2 * constant) * np.expm1(constant * np.asarray(time, np.float64)))


def local_bound(stepped: Stepped, times: Any, weights: Any, end: float) -> np.ndarray:
    """Bound of |u| and |i|, (2,), that one step between spikes can miss from an exact state, up to ``end``.

    |constant| dt^(k + 1) K (max |u^(k + 1)|, max |i^(k + 1)|) for a scheme of order k, with K = (1 - share A dt)^-1.
    """
    if stepped.scheme == "exponential":
        return np.zeros(2)
    lif, dt, order = stepped.lif, stepped.dt, int(ORDER[stepped.scheme])
    missed = abs(_CONSTANT[stepped.scheme]) * dt ** (order + 1)
    implicit = np.linalg.inv(np.eye(2) - _IMPLICIT[stepped.scheme] * dt * lif.matrix)
    return np.asarray(implicit @ (missed * largest_derivative(lif, order + 1, times, weights, end)))


def uniform_bound(stepped: Stepped, times: Any, weights: Any, end: float) -> float:
    """Bound of |u[n] - u(n dt)| for all n dt <= ``end``, for spikes on the grid, from rest.

        |constant| dt^k (tau_mem max |u^(k + 1)| + R tau_syn max |i^(k + 1)|)  (+ dt max |u'| for forward Euler)

    The steps' errors, carried on by all later steps, add up to the sum over n of P^n K = (-A dt)^-1, whose row for u is
    (tau_mem, R tau_syn)/dt, if no entry of P^n is negative; the derivatives are those between spikes. Forward Euler
    is in addition as late as its input, by dt. 0 for the exponential scheme; inf beyond `alternation_limit`.
    """
    if stepped.scheme == "exponential":
        return 0.0
    lif, dt, order = stepped.lif, stepped.dt, int(ORDER[stepped.scheme])
    if dt > alternation_limit(lif, stepped.scheme):
        return math.inf
    u, i = largest_derivative(lif, order + 1, times, weights, end)
    bound = abs(_CONSTANT[stepped.scheme]) * dt**order * (lif.tau_mem * u + lif.resistance * lif.tau_syn * i)
    late = dt * largest_derivative(lif, 1, times, weights, end)[0] if stepped.scheme == "forward_euler" else 0.0
    return float(bound + late)


def leading_error(stepped: Stepped, times: Any, weights: Any, at: Any) -> np.ndarray:
    """u[n] - u(n dt) to the scheme's own order in dt, at the times ``at`` (m,) [s], for spikes on the grid.

        constant dt^k sum_j w_j (t - t_j) h^(k + 1)(t - t_j)  (- dt u'(t) for forward Euler),

    h the impulse response: n steps are exp(n log P), and log P = A dt + constant (A dt)^(k + 1) + ...
    """
    if stepped.scheme == "exponential":
        return np.zeros(np.shape(at))
    lif, dt, order = stepped.lif, stepped.dt, int(ORDER[stepped.scheme])
    since = np.asarray(at, np.float64)[:, None] - np.asarray(times, np.float64)
    weights = np.where(since >= 0, weights, 0.0)
    since = np.maximum(since, 0.0)

    def derivative(k: int) -> np.ndarray:
        kick = np.linalg.matrix_power(lif.matrix, k) @ [0.0, 1 / lif.tau_syn]
        return np.asarray(propagate(lif, kick, since)[0])

    error = _CONSTANT[stepped.scheme] * dt**order * since * derivative(order + 1)
    if stepped.scheme == "forward_euler":
        error -= dt * np.where(since > dt / 2, derivative(1), 0.0)  # not yet at the spike itself
    return np.asarray((weights * error).sum(axis=1))
