"""The convergence rate of EQUATIONS A.7 and its change against the undiscretised run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise


def convergence_rate(accuracy: Sequence[float]) -> float:
    """Area under accuracy against epochs, by the trapezoid rule with dx = 1.

    accuracy: training accuracy after each epoch, 0 to 1 (as published; any share will do).

    Returns:
        The area over the len(accuracy) - 1 intervals between epochs; nan for fewer than two epochs, which span none.
    """
    if len(accuracy) < 2:
        return math.nan
    return math.fsum((left + right) / 2 for left, right in pairwise(accuracy))


def relative_change(rate: float, baseline: float) -> float:
    """(rate - baseline) / baseline; nan where either is unknown or the baseline is zero."""
    return (rate - baseline) / baseline if baseline else math.nan
