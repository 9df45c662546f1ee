"""The difference of two accuracies measured on the same samples, and how certain it is.

Of n samples b are classified rightly by the first network alone and c by the second alone; the others, which both
classify rightly or both wrongly, say nothing about which is better. The difference of the accuracies is

    d = (b - c) / n,    d = p_b - p_c,  p_b and p_c the probabilities of the two kinds of sample.

Tango's score interval (T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
paired-sample design", Statistics in Medicine 17, 1998, 891-908) is the set of all D that a score test does not reject:

    (b - c - n D)^2 <= z^2 n (2 q + D (1 - D)),

    q = (sqrt(B^2 - 4 A C) - B) / (2 A),  A = 2 n,  B = -b - c + (2 n - b + c) D,  C = -c D (1 - D),

q being the likeliest p_c if the difference is D. Unlike Wald's interval it has a width where b = c = 0 (no sample
tells the two apart: -z^2 / (n + z^2) to z^2 / (n + z^2)), never leaves [-1, 1], and keeps its level in small samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_LARGEST = 10**9  # samples that are worth telling of


@dataclass(frozen=True)
class Interval:
    """Of a difference of accuracies: low and high, from -1 to 1, and the level at which it holds, 0 to 1."""

    low: float
    high: float
    level: float


def discordant(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """(b, c): samples that the first alone, and that the second alone, has right.

    Args:
        first, second: (n,), which of the same samples are right.

    Raises:
        ValueError: not the same samples.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"the answers have shapes {first.shape} and {second.shape}: they are compared sample by sample, so pass "
            "those of the same n samples, each (n,)"
        )
    return int(np.count_nonzero(first & ~second)), int(np.count_nonzero(~first & second))


def score_interval(b: float, c: float, n: float, level: float) -> Interval:
    """Tango's interval of (b - c) / n, with the module's equations.

    Args:
        b, c: samples that the first alone, and that the second alone, has right; fractions are as good as whole ones.
        n: samples.
        level: of confidence, above 0 and below 1; half of what it leaves lies on either side.

    Raises:
        ValueError: numbers that no samples have, or a level that is none.
    """
    if not n > 0 or b < 0 or c < 0 or b + c > n * (1 + 1e-12):
        raise ValueError(
            f"{b:g} + {c:g} of {n:g} samples: pass one sample or more, and no more that tell the two apart than there "
            "are"
        )
    if not 0 < level < 1:
        raise ValueError(f"the level is {level:g}: pass one above 0 and below 1, such as 0.95")
    z = -NormalDist().inv_cdf((1 - level) / 2)
    estimate = (b - c) / n
    low = _limit(b, c, n, z, estimate, -1.0)
    high = _limit(b, c, n, z, estimate, 1.0)
    return Interval(low, high, level)


def bonferroni(confidence: float, comparisons: int) -> float:
    """The level at which each of so many intervals must hold that all hold together with the confidence."""
    return 1 - (1 - confidence) / max(1, comparisons)


def samples_needed(b: int, c: int, n: int, tolerance: float, level: float) -> int | None:
    """How many samples would show that the loss is within the tolerance, if they came out as these n did.

    Returns:
        The least number, at least n, at which the interval's upper end is at most `tolerance`; None where no number is
        enough, as the loss seen is itself not below it.
    """
    if (b - c) / n >= tolerance:
        return None

    def certain(samples: int) -> bool:
        share = samples / n
        return score_interval(b * share, c * share, samples, level).high <= tolerance

    most = n
    while not certain(most):
        most *= 2
        if most > _LARGEST:
            return None
    least = max(n, most // 2)
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if certain(middle) else (middle + 1, most)
    return most


def _limit(b: float, c: float, n: float, z: float, inside: float, outside: float) -> float:
    """The end of the interval between the estimate, which lies in it, and -1 or 1, by halving to the last bit."""
    for _ in range(200):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if _excess(b, c, n, z, middle) <= 0:
            inside = middle
        else:
            outside = middle
    return inside if _excess(b, c, n, z, outside) > 0 else outside


def _excess(b: float, c: float, n: float, z: float, d: float) -> float:
    """Above 0 where the test rejects the difference d."""
    q = _second_alone(b, c, n, d)
    return (b - c - n * d) ** 2 - z**2 * n * max(0.0, 2 * q + d * (1 - d))


def _second_alone(b: float, c: float, n: float, d: float) -> float:
    """The likeliest probability q that the second alone is right, if the difference is d."""
    linear = -b - c + (2 * n - b + c) * d
    root = math.sqrt(max(0.0, linear**2 + 8 * n * c * d * (1 - d)))
    if linear > 0:  # the same root, without taking a difference of what is nearly equal
        return 2 * c * d * (1 - d) / (root + linear)
    return (root - linear) / (4 * n)
