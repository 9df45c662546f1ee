"""What several seeds say together: a mean and its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds.

    mean: nan where there is no value. margin: half the width of its 95 % confidence interval; nan for fewer than two
    values, which say nothing about how they scatter. n: values.
    """

    mean: float
    margin: float
    n: int


def estimate(values: Iterable[float]) -> Estimate:
    """Student's interval, mean +- t s / sqrt(n): s the standard deviation (n - 1), t its quantile for n - 1 degrees.

    Values that are nan are left out. The values are taken for independent and normal, as means over thousands of
    samples nearly are; with three of them t is 4.3, where a bootstrap would draw too narrow an interval.
    """
    known = [value for value in values if not math.isnan(value)]
    n = len(known)
    if n == 0:
        return Estimate(mean=math.nan, margin=math.nan, n=0)
    mean = math.fsum(known) / n
    if n == 1:
        return Estimate(mean=mean, margin=math.nan, n=1)
    from scipy.special import stdtrit

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1))
    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return Estimate(mean=mean, margin=quantile * deviation / math.sqrt(n), n=n)
