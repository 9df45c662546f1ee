"""What every optimizer offers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import instance, real_number

_RATE = "pass a finite number, 0 or above"
_GRADIENT = "pass a float32 or float64 array, or None for a layer without weights"


class AbstractOptimizer(ABC):
    """From gradients to what is to be added to the weights."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    @property
    def learning_rate(self) -> float:
        """Can be changed between steps. Setting it raises ValueError unless it is finite and 0 or above."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float) -> None:
        rate = real_number("learning_rate", learning_rate, _RATE)
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"learning_rate is {learning_rate}: {_RATE}")
        self._learning_rate = rate

    @abstractmethod
    def step(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """One delta a gradient, of its shape; None stays None."""

    def state_dict(self) -> dict[str, np.ndarray]:
        """What it remembers of the steps so far, copies on the host; the learning rate is not in it."""
        return {}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what :meth:`state_dict` gave.

        Raises
        ------
        ValueError: the state is that of another kind of optimizer.
        """
        if state:
            raise ValueError(
                f"a state with {', '.join(sorted(state))} was given but {type(self).__name__} keeps none: pass the "
                "state_dict of an optimizer of the same class"
            )


def check_gradients(gradients: Sequence[np.ndarray | None]) -> None:
    """Raise TypeError unless each is None or a floating point array of the backend."""
    for i, gradient in enumerate(gradients):
        if gradient is not None:
            instance(f"gradient {i}", gradient, array_module().ndarray, _GRADIENT)
            if gradient.dtype not in (np.float32, np.float64):
                raise TypeError(f"gradient {i} has dtype {gradient.dtype}: {_GRADIENT}")
