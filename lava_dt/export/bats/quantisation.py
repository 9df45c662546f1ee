"""A layer's weights and threshold in Loihi's integers, as large as its registers allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_dt.export.description import LARGEST_THRESHOLD

LARGEST_STATE = (1 << 23) - 1  # of current and voltage: 24 bits with the sign
STATE_SHIFT = 6  # weights and thresholds are aligned 6 bits up in the states
MARGIN = 1.25  # states measured on samples may grow by so much on others
_ROUNDING = 1e-9  # by which a threshold may miss a whole number
ROOM = 32  # thresholds that a state can hold either way where nothing was measured


@dataclass(frozen=True)
class Quantised:
    """Weights and threshold of a layer.

    Attributes:
        weight: integers, even from -256 to 254 with 8 bits.
        threshold: 1 to 131071, integers of the weights.
        scale: integers per unit of the real weights.
        weight_error: root of the mean squared change, relative to that of the weights.
    """

    weight: np.ndarray
    threshold: int
    scale: float
    weight_error: float

    @property
    def largest(self) -> int:
        """The largest weight, without its sign."""
        return int(np.abs(self.weight).max(initial=0))


def largest_scale(weight: np.ndarray, level: float, bits: int) -> float:
    """Integers per unit at which the weights fill their bits, or the threshold its 17."""
    low, high = weight_range(bits)
    positive, negative = float(weight.max(initial=0)), float(-weight.min(initial=0))
    limits = [LARGEST_THRESHOLD / level]
    limits += [high / positive] if positive else []
    limits += [-low / negative] if negative else []
    return min(limits)


def unmeasured_scale(level: float) -> float:
    """Integers per unit at which a state has room for `ROOM` thresholds either way."""
    return LARGEST_STATE / (1 << STATE_SHIFT) / (ROOM * level)


def measured_scale(largest_state: float, scale: float) -> float:
    """Integers per unit at which a state that reached ``largest_state`` at ``scale`` fits, with a `MARGIN`."""
    return scale * LARGEST_STATE / (MARGIN * largest_state) if largest_state else scale


def quantise(name: str, weight: np.ndarray, level: float, scale: float, bits: int) -> Quantised:
    """Weights and threshold at a scale, which is lowered until the threshold is a whole number.

    Args:
        name: of the layer, for errors.
        weight: real, any shape.
        level: threshold in units of the real weights.
        scale: integers per unit, at most.
        bits: of a weight.

    Raises:
        ValueError: no weight is left at this scale.
    """
    threshold = int(scale * level * (1 + _ROUNDING))
    weighted = bool(weight.any())
    if threshold >= 1:
        scale = threshold / level
        step, (low, high) = weight_step(bits), weight_range(bits)
        whole = (step * np.rint(weight * (scale / step))).clip(low, high).astype(np.int64)
        if whole.any() or not weighted:
            squares = float(np.square(weight).mean()) if weighted else 1.0
            error = float(np.square(whole / scale - weight).mean() / squares) ** 0.5
            return Quantised(whole, threshold, scale, error)
    largest = float(np.abs(weight).max(initial=0))
    if threshold >= 1:
        raise ValueError(
            f"{name} has at this dt a threshold of {level / largest:.3g} times its largest weight, and beside it "
            "Loihi's registers, 17 bits of threshold and 24 of state, leave nothing of the weights: pass a larger dt, "
            "or samples that show how large its states become"
        )
    raise ValueError(
        f"{name} has at this dt a threshold of {level:.3g} beside weights of up to {largest:.3g}, and Loihi's 8 bits "
        "of weight leave nothing of the threshold: pass another dt, or look whether the training has diverged"
    )


def weight_step(bits: int) -> int:
    """The distance of two weights of so many bits, which fill the range of 8."""
    return 1 << (9 - bits)


def weight_range(bits: int) -> tuple[int, int]:
    """The smallest and the largest weight."""
    return -256, 256 - weight_step(bits)
