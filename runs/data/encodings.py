"""How images become spikes: one spike a pixel by its brightness, Poisson trains, or a camera's events."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Latency:
    """One spike a pixel at window * (1 - p / 255); a pixel of 0 stays silent (EQUATIONS A.7).

    Args:
        window: seconds; the darkest pixel that spikes does so just before its end, a white one at 0.

    Raises:
        ValueError: a window that is not a positive, finite time.
    """

    window: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.window) and self.window > 0):
            raise ValueError(f"window came as {self.window}: pass a positive time in seconds, such as 0.1")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Poisson trains on a grid: a pixel p spikes at the beginning of a step with probability peak * p / 255.

    Every draw follows from (seed, sample, epoch, pixel, step) alone: not from the batch, its order, the number of
    steps or of threads.

    Args:
        steps: number of steps.
        dt: length of a step, in seconds.
        peak: probability of a spike of a white pixel in a step.
        seed: of the draws.

    Raises:
        ValueError: steps below 1, a dt that is not positive, a peak outside (0, 1], a negative seed.
    """

    steps: int = 50
    dt: float = 1e-3
    peak: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps came as {self.steps}: pass a whole number of 1 or more")
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt came as {self.dt}: pass a positive time in seconds, such as 0.001")
        if not 0 < self.peak <= 1:
            raise ValueError(f"peak came as {self.peak}: it is a probability, pass one above 0 and at most 1")
        if self.seed < 0:
            raise ValueError(f"seed came as {self.seed}: pass 0 or more")
