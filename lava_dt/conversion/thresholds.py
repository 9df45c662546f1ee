"""The threshold of a neuron, changed after it was made."""

from __future__ import annotations

import math
from typing import Any


def fine_threshold(neuron: Any) -> int:
    """Integers of the weights' scale, of a fine step: what a timestep's gain divides."""
    return int(neuron._threshold * neuron.w_scale)


def set_fine_threshold(neuron: Any, wanted: float) -> None:
    """Sets the threshold of a fine step, rounded to integers, at least 1; the surrogate is as wide as it was to it.

    The threshold of a step of dt (`Registers.threshold_mantissa`) follows: this one over the timestep's gain, rounded
    again. Where the gain is above 1, as it is unless both decays are large, every integer can be reached.
    """
    whole = max(round(wanted), 1)
    width = neuron.tau_rho / neuron._threshold
    threshold, scale = whole / neuron.w_scale, neuron.w_scale
    # what is read back is cut, not rounded, and 29/100 * 100 is below 29
    neuron._threshold = threshold if int(threshold * scale) == whole else math.nextafter(threshold, math.inf)
    neuron.tau_rho = width * neuron._threshold
