"""Tau-scaling: the decays follow the step and a spike's charge stays [A15, A16].

    E_I = max(0, 1 - k alpha),   E_u = max(0, 1 - k beta),   g = 1        k = dt in fine steps

The response to a spike begins as high as at dt = 1 but lasts 1/k of the steps, so that its area shrinks as 1/k, and a
network that is not trained again falls silent. Beyond k = 1/alpha the current is memoryless (saturated at decay 1).
"""

from __future__ import annotations

from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """1 whatever the decays."""
    return 1.0


RULE = Rule(
    name="tau-scaling",
    equation="E = max(0, 1 - k decay); g = 1",
    scheme="forward_euler",
    gain=gain,
    carrier="charge",
)
