"""Adam, and Adam that looks one step ahead."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.kernels.adam_step import adam_step
from bats_dt.optimizers.moments import MomentOptimizer, Moments


class AdamOptimizer(MomentOptimizer):
    """Adam: delta = -lr m' / (sqrt(v') + epsilon), m' = m / (1 - beta_1^t), v' = v / (1 - beta_2^t), t from 1.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2.

    Raises
    ------
    ValueError: a beta outside [0, 1), epsilon not above 0, a bad learning rate; gradients that change shape.
    TypeError: gradients that are no float32 or float64 arrays.
    """

    def _delta(self, gradient: np.ndarray, moments: Moments) -> np.ndarray:
        return self._adam(gradient, moments.first, moments.second)

    def _adam(self, gradient: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        rate = self.learning_rate / (1 - self._beta_1**self._steps)
        correction = 1 / math.sqrt(1 - self._beta_2**self._steps)
        return adam_step(gradient, first, second, self._beta_1, self._beta_2, self._epsilon, rate, correction)


class NAdamOptimizer(AdamOptimizer):
    """NAdam: delta = -lr (beta_1 m' + (1 - beta_1) g / (1 - beta_1^t)) / (sqrt(v') + epsilon), letters as in Adam.

    The numerator is what m' would be after one more step with the same gradient, so this is Adam's step taken from a
    first moment that is one step ahead, by the same kernel.

    Raises
    ------
    ValueError, TypeError: as :class:`AdamOptimizer`.
    """

    def _delta(self, gradient: np.ndarray, moments: Moments) -> np.ndarray:
        moments.first *= self._beta_1
        moments.first += (1 - self._beta_1) * gradient
        return self._adam(gradient, moments.first.copy(order="K"), moments.second)
