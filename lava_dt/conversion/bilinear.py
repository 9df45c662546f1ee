"""Bilinear (trapezoidal) poles, and the gain of the trapezoidal rule for slow input.

    E = max(0, (1 - k r) / (1 + k r)),   r = decay / (2 - decay)       (the same map at k = 1 gives 1 - decay)

The rule proper also takes the mean of a bin's input and of the one before, (1 + z^-1)/2 in each stage: a zero at half
the sampling rate, for which a CuBa neuron has no place. What is kept of it is its value for slow input, z = 1:

    g = (1 - E_I)(1 - E_u) / (k alpha beta)

Beyond k = 1/r the pole is negative; it is saturated at 0.
"""

from __future__ import annotations

from bats_dt import discretization
from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """Of the poles as they are saturated."""
    return float(discretization.gain(alpha, beta, dt, "bilinear"))


RULE = Rule(
    name="bilinear",
    equation="E = max(0, (1 - k r)/(1 + k r)), r = decay/(2 - decay); g = (1 - E_I)(1 - E_u) / (k alpha beta)",
    scheme="bilinear",
    gain=gain,
)
