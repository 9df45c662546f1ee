"""Axonal delays: fine steps that spikes are held back for, and steps of dt on top of the hop (EQUATIONS A.3)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LARGEST = 62  # steps that a chip and netx take
LONGEST = 1 << 20  # fine steps that a file may hold


def whole(delay: np.ndarray, max_delay: float | None) -> np.ndarray:
    """Whole fine steps of delays as training uses them, int64: their floor, between 0 and ``max_delay``."""
    return np.floor(delay.astype(np.float64).clip(0, math.inf if max_delay is None else max_delay)).astype(np.int64)


def ticks(fine: Any, hop: int, dt: int) -> Any:
    """Steps of dt on top of the hop that whole fine steps take: ceil((hop + fine)/dt) - hop."""
    return -(-(hop + fine) // dt) - hop


def longest(steps: np.ndarray, hop: int, dt: int) -> np.ndarray:
    """The most fine steps that take these steps of dt on top of the hop: `ticks` inverted."""
    return (steps + hop) * dt - hop


def if_any(delay: np.ndarray | None) -> np.ndarray | None:
    """The delays, or None where all are 0."""
    return delay if delay is not None and delay.any() else None
