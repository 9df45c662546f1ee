"""Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bats_dt.checks import instance
from bats_dt.kernels.adam_step import adam_step, laid_out_as
from bats_dt.optimizers.base import AbstractOptimizer

_NEEDED = "pass a float32 or float64 array, or None for a layer without weights"


@dataclass
class Moments:
    """Running means of a gradient and of its square, laid out in memory as the gradient is."""

    first: np.ndarray
    second: np.ndarray


class AdamOptimizer(AbstractOptimizer):
    """Adam: delta = -lr m' / (sqrt(v') + epsilon), m' = m / (1 - beta_1^t), v' = v / (1 - beta_2^t), t from 1.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2.

    Raises
    ------
    ValueError: a beta outside [0, 1), epsilon not above 0, a bad learning rate; gradients that change shape.
    TypeError: gradients that are no float32 or float64 arrays.
    """

    def __init__(
        self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, learning_rate: float = 1e-3
    ) -> None:
        super().__init__(learning_rate)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{name} is {beta}: pass a number from 0 to below 1")
        if not epsilon > 0:
            raise ValueError(f"epsilon is {epsilon}: pass a number above 0, for example 1e-8")
        self._beta_1, self._beta_2, self._epsilon = float(beta_1), float(beta_2), float(epsilon)
        self._moments: list[Moments | None] = []
        self._steps = 0

    def step(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """One delta a gradient, of its shape and layout; None stays None."""
        for i, g in enumerate(gradients):
            if g is not None:
                instance(f"gradient {i}", g, np.ndarray, _NEEDED)
                if g.dtype not in (np.float32, np.float64):
                    raise TypeError(f"gradient {i} has dtype {g.dtype}: {_NEEDED}")
        if not self._moments:
            self._moments = [None if g is None else Moments(np.zeros_like(g), np.zeros_like(g)) for g in gradients]
        shapes = [None if m is None else m.first.shape for m in self._moments]
        given = [None if g is None else g.shape for g in gradients]
        if given != shapes:
            raise ValueError(f"gradients have shapes {given} but had {shapes} before: use one optimizer a network")
        self._steps += 1
        for g, m in zip(gradients, self._moments, strict=True):
            if g is not None and m is not None and m.first.strides != g.strides:  # they come from load_state_dict
                m.first, m.second = laid_out_as(g, m.first), laid_out_as(g, m.second)
        return [
            None if g is None or m is None else self._delta(g, m) for g, m in zip(gradients, self._moments, strict=True)
        ]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the steps taken and of the moments, by position of their gradient: ``steps``, ``first.1`` ..."""
        state = {"steps": np.array(self._steps)}
        for i, moments in enumerate(self._moments):
            if moments is not None:
                state[f"first.{i}"], state[f"second.{i}"] = moments.first.copy(), moments.second.copy()
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what :meth:`state_dict` gave. Raises KeyError if a part is missing."""
        positions = {int(name.partition(".")[2]) for name in state if name.startswith("first.")}
        self._moments = [
            Moments(state[f"first.{i}"].copy(), state[f"second.{i}"].copy()) if i in positions else None
            for i in range(max(positions, default=-1) + 1)
        ]
        self._steps = int(np.reshape(state["steps"], ()))

    def _delta(self, gradient: np.ndarray, moments: Moments) -> np.ndarray:
        rate = self.learning_rate / (1 - self._beta_1**self._steps)
        correction = 1 / math.sqrt(1 - self._beta_2**self._steps)
        return adam_step(
            gradient, moments.first, moments.second, self._beta_1, self._beta_2, self._epsilon, rate, correction
        )
