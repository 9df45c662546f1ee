"""The rules by name."""

from __future__ import annotations

from dataclasses import replace

from lava_dt.conversion import (
    area_preserving,
    backward_euler,
    bilinear,
    impulse_invariant,
    step_invariant,
    tau_scaling,
)
from lava_dt.conversion.rule import Rule


def _matched(rule: Rule) -> Rule:
    """With thresholds by `threshold_matching`."""
    return replace(rule, name=f"{rule.name}+matched", equation=f"{rule.equation}; thresholds matched", matched=True)


def _soft(rule: Rule) -> Rule:
    """With a reset that subtracts the threshold."""
    return replace(rule, name=f"{rule.name}+soft", equation=f"{rule.equation}; soft reset", reset="soft")


def _nearest(rule: Rule) -> Rule:
    """With delays by `delay_rounding`."""
    equation = f"{rule.equation}; delays to the nearest step"
    return replace(rule, name=f"{rule.name}+nearest", equation=equation, delays="nearest")


_IN_ORDER = (
    _matched(backward_euler.RULE),
    _matched(step_invariant.RULE),
    _matched(area_preserving.RULE),
    _soft(_matched(step_invariant.RULE)),
    _soft(_matched(backward_euler.RULE)),
    _nearest(_matched(backward_euler.RULE)),
    backward_euler.RULE,
    step_invariant.RULE,
    impulse_invariant.RULE,
    area_preserving.RULE,
    bilinear.RULE,
    tau_scaling.RULE,
)

# in the order of preference where two do equally well
RULES: dict[str, Rule] = {rule.name: rule for rule in _IN_ORDER}
