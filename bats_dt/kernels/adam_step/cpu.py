"""Adam in Numba: one pass over memory, on whatever layout the gradient has."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.adam_step import laid_out_as


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
    delta = np.empty_like(first)
    constants = np.array([beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon, -rate, correction], first.dtype)
    flat_first, flat_second, flat_delta = (_in_memory_order(array) for array in (first, second, delta))
    _step(_in_memory_order(laid_out_as(first, gradient)), flat_first, flat_second, flat_delta, constants)
    return delta


def _in_memory_order(array: np.ndarray) -> np.ndarray:
    """A flat view of an array that numpy has laid out without gaps."""
    return array.transpose(np.argsort(array.strides)[::-1]).reshape(-1)


@njit(cache=True, error_model="numpy")
def _step(gradient, first, second, delta, constants):
    beta_1, rest_1, beta_2, rest_2, epsilon, rate, correction = (
        constants[0], constants[1], constants[2], constants[3], constants[4], constants[5], constants[6],
    )  # fmt: skip
    for i in range(gradient.size):
        m = beta_1 * first[i] + rest_1 * gradient[i]
        v = beta_2 * second[i] + rest_2 * gradient[i] * gradient[i]
        first[i] = m
        second[i] = v
        delta[i] = rate * m / (correction * np.sqrt(v) + epsilon)
