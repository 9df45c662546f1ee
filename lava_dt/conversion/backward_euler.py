"""Backward Euler: each stage takes its input and its leak at the end of the step.

    y' = y + k (c x - y / tau)   at y':      y' = E (y + k c x),   E = 1 / (1 + k/tau),   tau = (1 - decay)/decay

At k = 1 this is y' = e y + x, e = 1 - decay, so c = 1/e. The gain of a stage at k is k E / e = (1 - E)/decay, hence

    g = (1 - E_I)(1 - E_u) / (k alpha beta)

for both, the input being the bin's sum X = k x. The poles are slower than the exact ones, E > (1 - decay)^k, and never
need saturating.
"""

from __future__ import annotations

from bats_dt import discretization
from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """The product of the two stages' gains."""
    return float(discretization.gain(alpha, beta, dt, "backward_euler"))


RULE = Rule(
    name="backward-euler",
    equation="E = 1 / (1 + k decay/(1 - decay)); g = (1 - E_I)(1 - E_u) / (k alpha beta)",
    scheme="backward_euler",
    gain=gain,
)
