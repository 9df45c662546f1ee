"""Gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bats_dt.optimizers.base import AbstractOptimizer, check_gradients


class GradientDescentOptimizer(AbstractOptimizer):
    """Gradient descent: delta = -lr g.

    Raises
    ------
    ValueError: a learning rate that is not finite and 0 or above. TypeError: gradients that are no float32 or float64
        arrays.
    """

    def step(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """One delta a gradient, of its shape, dtype and layout; None stays None."""
        check_gradients(gradients)
        return [None if g is None else -self.learning_rate * g for g in gradients]
