"""Impulse-invariant: exact poles, and the exact response at the grid steps to a spike at the begin of a bin.

The voltage of a fine step responds to a spike of weight 1 after n steps with

    h[n] = (e_u^(n+1) - e_I^(n+1)) / (e_u - e_I),      e_I = 1 - alpha,  e_u = 1 - beta

A spike in the first fine step of its bin is seen at the ends of this and of later bins at n = (m+1) k - 1, m = 0, 1 ...

    h[(m+1) k - 1] = (E_u^(m+1) - E_I^(m+1)) / (e_u - e_I),      E = e^k

and the coarse neuron responds with g (E_u^(m+1) - E_I^(m+1)) / (E_u - E_I). The two are equal at every m for

    g = (E_u - E_I) / (e_u - e_I),      k e^(k-1) where e_I = e_u

No g does this for a spike later in the bin: its response has a zero besides the two poles, for which a CuBa neuron has
no place.
"""

from __future__ import annotations

from lava_dt.conversion.rule import Rule


def gain(alpha: float, beta: float, dt: int) -> float:
    """g as the sum of e_u^i e_I^(k-1-i), i = 0 ... k-1, which is the quotient without its 0/0."""
    e_i, e_u = 1 - alpha, 1 - beta
    return float(sum(e_u**i * e_i ** (dt - 1 - i) for i in range(dt)))


RULE = Rule(
    name="impulse-invariant",
    equation="E = (1 - decay)^k; g = (E_u - E_I) / (e_u - e_I)",
    scheme="exponential",
    gain=gain,
)
