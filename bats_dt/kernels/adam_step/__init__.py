"""One step of Adam for one array, in a single pass over memory."""

from __future__ import annotations

import numpy as np

from bats_dt.backend import check_arrays, implementation


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
    """Update the moments in place and return -rate m / (correction sqrt(v) + epsilon), shaped as the gradient.

    gradient, first (m), second (v): same shape and dtype, any memory layout.
    rate: lr / (1 - beta_1^t). correction: 1 / sqrt(1 - beta_2^t).

    Raises
    ------
    TypeError: arrays of another backend.
    """
    check_arrays(gradients=gradient, moments=first)
    module = implementation(__name__)
    return module.adam_step(gradient, first, second, beta_1, beta_2, epsilon, rate, correction)


def laid_out_as(model: np.ndarray, array: np.ndarray) -> np.ndarray:
    """``array`` with the memory layout and dtype of ``model``: itself if it has them, else a copy."""
    if array.strides == model.strides and array.dtype == model.dtype:
        return array
    copy = np.empty_like(model)
    copy[...] = array
    return copy
