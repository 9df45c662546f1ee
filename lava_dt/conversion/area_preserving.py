"""Area-preserving gain on tau-scaling's poles: forward Euler with the input integrated.

    E_I = max(0, 1 - k alpha),   E_u = max(0, 1 - k beta),   g = (1 - E_I)(1 - E_u) / (k alpha beta)

so that the response to a spike, summed over time, is that of dt = 1 (EQUATIONS A.2). g = k until a pole is saturated,
then less: 1/alpha with the current's alone, 1/(k alpha beta) with both.
"""

from __future__ import annotations

from bats_dt import discretization
from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """Of the poles as they are saturated."""
    return float(discretization.gain(alpha, beta, dt, "forward_euler"))


RULE = Rule(
    name="area-preserving",
    equation="E = max(0, 1 - k decay); g = (1 - E_I)(1 - E_u) / (k alpha beta)",
    scheme="forward_euler",
    gain=gain,
)
