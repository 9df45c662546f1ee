"""Step-invariant (zero-order hold): exact for an input that is spread evenly over its bin, stage by stage.

A constant x drives a fine-step stage y[t] = (1 - a) y[t-1] + x to y = (1 - (1 - a)^k) x / a after k steps from 0. With
the bin's sum X held as X/k a step, and the current then held over the bin as what drives the voltage,

    I[m] = E_I I[m-1] + (1 - E_I)/(k alpha) X[m]
    u[m] = E_u u[m-1] + (1 - E_u)/beta I[m],                 E_I = (1 - alpha)^k,  E_u = (1 - beta)^k

so that a neuron with one gain has

    g = (1 - E_I)(1 - E_u) / (k alpha beta),                 a decay of 0 taking the limit (1 - E)/decay -> k

which is also EQUATIONS A.2's integral gain on exponential decays: the area of a spike's response stays.
"""

from __future__ import annotations

from bats_dt import discretization
from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """The product of the two stages' gains."""
    return float(discretization.gain(alpha, beta, dt, "exponential"))


RULE = Rule(
    name="step-invariant",
    equation="E = (1 - decay)^k; g = (1 - E_I)(1 - E_u) / (k alpha beta)",
    scheme="exponential",
    gain=gain,
)
