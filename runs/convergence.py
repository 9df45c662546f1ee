"""How fast a run learns: the convergence rate of EQUATIONS A.7, its change, and epochs to a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence


def convergence_rate(accuracy: Sequence[float]) -> float:
    """Area under accuracy against epochs, by the trapezoid rule with dx = 1.

    accuracy: training accuracy after each epoch, 0 to 1 (as published; any share will do).

    Returns:
        The area over the len(accuracy) - 1 intervals between epochs; nan for fewer than two epochs, which span none.
    """
    if len(accuracy) < 2:
        return math.nan
    return math.fsum((*accuracy[1:-1], accuracy[0] / 2, accuracy[-1] / 2))


def normalised_rate(accuracy: Sequence[float]) -> float:
    """The convergence rate an interval between epochs, 0 to 1: runs of different lengths can be put side by side."""
    return convergence_rate(accuracy) / max(1, len(accuracy) - 1)


def relative_change(rate: float, baseline: float) -> float:
    """(rate - baseline) / baseline; nan where either is unknown or the baseline is zero."""
    return (rate - baseline) / baseline if baseline else math.nan


def epochs_to(accuracy: Sequence[float], threshold: float) -> float:
    """The first epoch, from 1, after which the accuracy is at least the threshold; inf where it never is."""
    return next((float(epoch) for epoch, share in enumerate(accuracy, 1) if share >= threshold), math.inf)
