"""The sampling time as a factor of the loss (EQUATIONS A.4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class SamplingTime(torch.nn.Module):
    """Any loss times the sampling time T: SLAYER's gradient dE/dw = T sum ... [A6].

    lava-dl leaves T out. It scales the loss and with it every gradient: Adam's steps do not feel it but for its
    epsilon, plain gradient descent's do. Comparing timesteps, T = dt makes a sum over steps of dt the integral that it
    stands for.

    Args:
        loss: a loss that returns one tensor, a module or a function: lava-dl's, PyTorch's or a user's.
        duration: T, in the unit in which the loss is to be read (seconds, or fine steps); finite and above 0.

    Raises:
        TypeError: the loss cannot be called, or the duration is no number.
        ValueError: a duration that is not finite and above 0.
    """

    def __init__(self, loss: Callable[..., Tensor], duration: float) -> None:
        super().__init__()
        if not callable(loss):
            raise TypeError(f"loss is {loss!r}: pass a loss module or a function")
        if isinstance(duration, bool) or not isinstance(duration, (int, float)):
            raise TypeError(f"duration is {duration!r}: pass a number, the sampling time")
        if not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"duration is {duration!r}: the sampling time must be finite and above 0")
        self.loss = loss
        self.duration = float(duration)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """T times the loss of the same arguments. Gradient: *exact*."""
        return self.duration * self.loss(*args, **kwargs)

    def extra_repr(self) -> str:
        return f"duration={self.duration:g}"
