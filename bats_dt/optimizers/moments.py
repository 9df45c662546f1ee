"""What Adam and NAdam share: running means of the gradient and of its square."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bats_dt.backend import array_module, to_numpy
from bats_dt.checks import real_number
from bats_dt.kernels.adam_step import laid_out_as
from bats_dt.optimizers.base import AbstractOptimizer, check_gradients

_BETA = "pass a number from 0 to below 1"
_EPSILON = "pass a number above 0, for example 1e-8"


@dataclass
class Moments:
    """Running means of a gradient and of its square, laid out in memory as the gradient is."""

    first: np.ndarray
    second: np.ndarray


class MomentOptimizer(AbstractOptimizer):
    """An optimizer of the first and second moments of the gradients, both of which start at 0; t counts steps from 1.

    Raises
    ------
    ValueError: a beta outside [0, 1), epsilon not above 0, a bad learning rate; gradients that change shape.
    TypeError: gradients that are no float32 or float64 arrays.
    """

    def __init__(
        self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, learning_rate: float = 1e-3
    ) -> None:
        super().__init__(learning_rate)
        self._beta_1, self._beta_2 = _beta("beta_1", beta_1), _beta("beta_2", beta_2)
        self._epsilon = real_number("epsilon", epsilon, _EPSILON)
        if not 0 < self._epsilon < math.inf:
            raise ValueError(f"epsilon is {epsilon}: {_EPSILON}")
        self._moments: list[Moments | None] = []
        self._steps = 0

    def step(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """One delta a gradient, of its shape and layout; None stays None."""
        check_gradients(gradients)
        if not self._moments:
            xp = array_module()
            self._moments = [None if g is None else Moments(xp.zeros_like(g), xp.zeros_like(g)) for g in gradients]
        self._moments += [None] * (len(gradients) - len(self._moments))  # a state ends with its last gradient
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
                for name, array in (("first", moments.first), ("second", moments.second)):
                    state[f"{name}.{i}"] = to_numpy(array).copy(order="K")
        return state

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what :meth:`state_dict` gave. Raises ValueError if a part is missing."""
        positions = {int(name.partition(".")[2]) for name in state if name.startswith("first.")}
        moments: list[Moments | None] = [None] * (max(positions, default=-1) + 1)
        for name in ("steps", *(f"{part}.{i}" for i in positions for part in ("first", "second"))):
            if name not in state:
                raise ValueError(f"the state has no {name!r}: pass what {type(self).__name__}.state_dict gave")
        for i in positions:
            moments[i] = Moments(*(array_module().array(state[f"{name}.{i}"]) for name in ("first", "second")))
        self._steps = int(np.reshape(state["steps"], ()))
        self._moments = moments

    @abstractmethod
    def _delta(self, gradient: np.ndarray, moments: Moments) -> np.ndarray:
        """Update the moments in place and return what is to be added; ``self._steps`` is t."""


def _beta(name: str, given: float) -> float:
    """A decay of a running mean. Raises ValueError outside [0, 1), TypeError if it is no number."""
    beta = real_number(name, given, _BETA)
    if not 0 <= beta < 1:
        raise ValueError(f"{name} is {given}: {_BETA}")
    return beta
