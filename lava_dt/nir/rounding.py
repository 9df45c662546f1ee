"""Real weights and thresholds in Loihi's numbers: weights are even integers from -256 to 254, thresholds whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LOWEST, HIGHEST = -256, 254
FINEST = 1 << 14  # scale: 64 times as fine, states of 24 bits reach 1023 / 64
LARGEST_THRESHOLD = (1 << 17) - 1
STATE_BITS = 20  # of a threshold, where weights stay real: room up to 2^24, which float32 holds


@dataclass(frozen=True)
class Rounding:
    """How a layer is put on integers.

    Attributes:
        scale: integers per unit of the weights, a power of two.
        factor: by which weights, bias and threshold are to be multiplied first.
    """

    scale: int
    factor: float


def choose(arrays: list[np.ndarray], threshold: float | None, quantise: bool) -> Rounding:
    """The scale at which a layer's weights fill Loihi's 8 bits, or at which its states do float32's 24.

    Weights that are 8-bit integers at some scale stay what they are, at the largest such scale. Others are multiplied
    by a factor, with the threshold, so that the largest takes all bits; not in a read-out, whose voltage would not be
    the graph's. Weights that stay real are multiplied by a power of two at most, which changes none of their digits.

    Args:
        arrays: weights of the layer's synapses.
        threshold: real, above 0; None for a read-out.
        quantise: whether weights are to be rounded to 8 bits.
    """
    if not quantise:
        bits = STATE_BITS - 6 - (0 if threshold is None else math.ceil(math.log2(threshold)))
        kept = min(max(bits, 0), 14)
        return Rounding(1 << kept, 1.0 if threshold is None else 2.0 ** (bits - kept))
    largest = max(float(np.abs(array).max(initial=0)) for array in arrays)
    most = FINEST if threshold is None else min(FINEST, LARGEST_THRESHOLD / threshold)
    if largest == 0:
        return Rounding(64 if most >= 64 else 1, 1.0)
    exponents = range(math.floor(math.log2(most)) + 1) if most >= 1 else range(1)
    for exponent in reversed(exponents):  # the largest: states are finer with it
        if largest * (1 << exponent) <= HIGHEST and all(on_integers(array, 1 << exponent) for array in arrays):
            return Rounding(1 << exponent, 1.0)
    scale = 1 << max((e for e in exponents if largest * (1 << e) <= HIGHEST), default=0)
    if threshold is None:
        return Rounding(scale, 1.0)
    factor = HIGHEST / (largest * scale)
    if threshold * factor * scale > LARGEST_THRESHOLD:
        factor = LARGEST_THRESHOLD / (threshold * scale)
    return Rounding(scale, factor)


def on_integers(weights: np.ndarray, scale: int) -> bool:
    """Whether weights are even integers of 8 bits at a scale, but for float32's rounding."""
    whole = rounded(weights, scale)
    return bool(np.allclose(whole, weights, rtol=1e-6, atol=1e-9))


def rounded(weights: np.ndarray, scale: int) -> np.ndarray:
    """What 8 bits make of weights."""
    return (2 * np.rint(weights * scale / 2)).clip(LOWEST, HIGHEST) / scale


def error(weights: np.ndarray, scale: int) -> tuple[float, int, int]:
    """Largest change relative to the largest weight; weights lost to 0; weights that were not 0."""
    largest = float(np.abs(weights).max(initial=0))
    if not largest:
        return 0.0, 0, 0
    after = rounded(weights, scale)
    lost = int(((after == 0) & (weights != 0)).sum())
    return float(np.abs(after - weights).max() / largest), lost, int((weights != 0).sum())
