"""Adam, element by element, in float64."""

from __future__ import annotations

import math

import numpy as np


def adam_step(
    gradient: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    rate: float,
    correction: float,
) -> np.ndarray:
    """Contract: :func:`bats_dt.kernels.adam_step.adam_step`."""
    delta = np.zeros_like(gradient)
    for index in np.ndindex(gradient.shape):
        g = float(gradient[index])
        m = beta_1 * float(first[index]) + (1 - beta_1) * g
        v = beta_2 * float(second[index]) + (1 - beta_2) * g * g
        first[index], second[index] = m, v
        delta[index] = -rate * m / (correction * math.sqrt(v) + epsilon)
    return delta
