"""What several seeds say together: a mean or a median, and how certain it is."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
RESAMPLES = 9_999


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds.

    mean: nan where there is no value. margin: half the width of its 95 % confidence interval; nan for fewer than two
    values, which say nothing about how they scatter. n: values. values: these.
    """

    mean: float
    margin: float
    n: int
    values: tuple[float, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % confidence interval of a mean, whose two sides may be unlike; nan for fewer than two values."""

    low: float
    high: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Reached:
    """When runs reached a threshold.

    epochs: of each run, inf where it never did. median: of all runs, inf where half of them or more never did, nan
    without runs. reached: how many did.
    """

    epochs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run's epochs; of two in the middle their mean."""
        return middle(self.epochs)

    @property
    def reached(self) -> int:
        """How many runs got there."""
        return sum(map(math.isfinite, self.epochs))


def estimate(values: Iterable[float]) -> Estimate:
    """Student's interval, mean +- t s / sqrt(n): s the standard deviation (n - 1), t its quantile for n - 1 degrees.

    Values that are nan are left out. The values are taken for independent and normal, as means over thousands of
    samples nearly are; with three of them t is 4.3, where a bootstrap would draw too narrow an interval.
    """
    known = _known(values)
    n = len(known)
    if n == 0:
        return Estimate(mean=math.nan, margin=math.nan, n=0)
    mean = math.fsum(known) / n
    if n == 1:
        return Estimate(mean=mean, margin=math.nan, n=1, values=tuple(known))
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1))
    return Estimate(mean=mean, margin=_quantile(n - 1) * deviation / math.sqrt(n), n=n, values=tuple(known))


def bootstrap(values: Iterable[float]) -> Interval:
    """The percentile bootstrap of the mean: from the 2.5 to the 97.5 % quantile of the means of 9,999 resamples.

    Values that are nan are left out. The resamples are drawn with a fixed seed, the same for every list of n values.
    Nothing is assumed about how values are spread, but means of resamples never leave their range: of three values the
    interval is that range itself, which holds the true mean in three of four cases rather than in 95 %.
    """
    known = np.array(_known(values))
    if len(known) < 2:
        return Interval(low=math.nan, high=math.nan, n=len(known))
    means = known[_resamples(len(known))].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(low=float(low), high=float(high), n=len(known))


def middle(values: Iterable[float]) -> float:
    """The median, nan left out; nan where there is no value."""
    known = _known(values)
    return statistics.median(known) if known else math.nan


def _known(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


@functools.lru_cache(maxsize=64)
def _resamples(n: int) -> npt.NDArray[np.intp]:
    """Which of n values each resample takes: shape (resamples, n)."""
    return np.random.default_rng([0, n]).integers(0, n, (RESAMPLES, n))


@functools.cache
def _quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
