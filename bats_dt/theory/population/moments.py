"""Means and covariances of neurons under Poisson input (EQUATIONS B.3).

Jumps of w/tau_syn at rate lambda have the mean lambda w/tau_syn and the variance lambda (w/tau_syn)^2 a second, which
is all that first and second moments know of them: they are those of the diffusion approximation, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov

from bats_dt.theory.lif import LIF


class Moments(NamedTuple):
    """Mean (2,) and covariance (2, 2) of (u, i)."""

    mean: np.ndarray
    covariance: np.ndarray


def stationary_moments(lif: LIF, rate: float, weight: float) -> Moments:
    """E[i] = lambda w, E[u] = R E[i], Var[i] = lambda w^2/(2 tau_syn), Var[u] = R^2 lambda w^2/(2 (tau_mem + tau_syn)),
    and Cov[u, i] = R lambda w^2/(2 (tau_mem + tau_syn)); rate: lambda [1/s], without a threshold.
    """
    r, both = lif.resistance, rate * weight**2 / (2 * (lif.tau_mem + lif.tau_syn))
    of_i = rate * weight**2 / (2 * lif.tau_syn)
    return Moments(rate * weight * np.array([r, 1.0]), np.array([[r * r * both, r * both], [r * both, of_i]]))


def moments_at(lif: LIF, rate: float, weight: float, time: float) -> Moments:
    """The same at ``time`` [s] after rest, u = i = 0: mean (1 - e^(At)) m, covariance C - e^(At) C e^(At)^T.

    m and C are the stationary ones, here from A m = -b and A C + C A^T = -D, with the input's mean b and variance D.
    """
    a, kick = lif.matrix, np.array([0.0, weight / lif.tau_syn])
    mean = np.linalg.solve(a, -rate * kick)
    covariance = solve_continuous_lyapunov(a, -rate * np.outer(kick, kick))
    decay = expm(a * time)
    return Moments(mean - decay @ mean, covariance - decay @ covariance @ decay.T)
