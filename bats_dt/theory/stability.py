"""Up to which step a scheme decays, and up to which without changing sign (EQUATIONS A.2, B.2).

With r = dt/tau the factors kept are 1 - r (forward Euler), 1/(1 + r) (backward Euler), e^-r (exponential) and
(2 - r)/(2 + r) (bilinear): below -1 from r = 2 on for forward Euler only, below 0 from r = 1 and, for bilinear, 2.
"""

from __future__ import annotations

import math

from bats_dt.discretization import SCHEMES
from bats_dt.theory.lif import LIF

_UNSTABLE_FROM = {"forward_euler": 2.0}
_ALTERNATES_BEYOND = {"forward_euler": 1.0, "bilinear": 2.0}


def stability_limit(lif: LIF, scheme: str) -> float:
    """The dt [s] from which the scheme is unstable: 2 min(tau_mem, tau_syn) for forward Euler, else inf."""
    return _limit(lif, scheme, _UNSTABLE_FROM)


def alternation_limit(lif: LIF, scheme: str) -> float:
    """The largest dt [s] with which no decay changes its sign from step to step: or inf."""
    return _limit(lif, scheme, _ALTERNATES_BEYOND)


def _limit(lif: LIF, scheme: str, ratios: dict[str, float]) -> float:
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}: pass one of {', '.join(map(repr, SCHEMES))}")
    return ratios.get(scheme, math.inf) * min(lif.tau_mem, lif.tau_syn)
