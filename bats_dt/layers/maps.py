"""What layers whose neurons lie on a map have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bats_dt.checks import whole_number
from bats_dt.layers.base import AbstractLayer


class AbstractConvLayer(AbstractLayer):
    """A layer with a map of neurons: ``neurons_shape`` (X, Y, channels), flat index (x * Y + y) * channels + channel.

    Raises
    ------
    ValueError, TypeError: neurons_shape is not three whole numbers from 1.
    """

    def __init__(self, neurons_shape: Any, **arguments: Any) -> None:
        self._map = three_extents("neurons_shape", neurons_shape, "(X, Y, channels)")
        super().__init__(n_neurons=math.prod(self._map), **arguments)

    @property
    def neurons_shape(self) -> np.ndarray:
        """int32 (3,): X, Y, channels."""
        return np.array(self._map, np.int32)


def three_extents(name: str, given: Any, meaning: str) -> tuple[int, int, int]:
    """``given`` as three ints. Raises ValueError or TypeError in words."""
    needed = f"pass {meaning}, three whole numbers from 1"
    if np.shape(given) != (3,):
        raise ValueError(f"{name} is {given}: {needed}")
    first, second, third = (whole_number(name, extent, needed) for extent in given)
    return first, second, third
