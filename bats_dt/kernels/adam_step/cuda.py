"""Adam on a GPU: `adam_step.cu`, on whatever layout the moments have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module
from bats_dt.kernels.adam_step import laid_out_as
from bats_dt.kernels.device import start

SOURCE = Path(__file__).with_name("adam_step.cu")


def adam_step(
    gradient: Any,
    first: Any,
    second: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    rate: float,
    correction: float,
) -> Any:
    """Contract: :func:`bats_dt.kernels.adam_step.adam_step`."""
    delta = array_module().empty_like(first)
    arrays = [_in_memory_order(array) for array in (laid_out_as(first, gradient), first, second, delta)]
    constants = map(first.dtype.type, (beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon, rate, correction))
    start(SOURCE, "adam_step", first.size, first.dtype, *arrays, *constants, np.int64(first.size))
    return delta


def _in_memory_order(array: Any) -> Any:
    """A flat view of an array that has been laid out without gaps."""
    return array.transpose(tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))).reshape(-1)
