"""What every optimizer offers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np


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
        if not (math.isfinite(learning_rate) and learning_rate >= 0):
            raise ValueError(f"learning_rate is {learning_rate}: pass a finite number, 0 or above")
        self._learning_rate = float(learning_rate)

    @abstractmethod
    def step(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """One delta a gradient, of its shape; None stays None."""
