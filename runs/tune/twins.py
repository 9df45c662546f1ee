"""Rules that make the same network of one, so that it is matched, trained and evaluated once.

Rounding delays to the nearest step, for one, is rounding them up where none is nearer the step below. Matching and
training follow from what a rule makes of decays, thresholds and delays: two rules that both match, or both do not, and
agree before that, agree after it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lava_dt.conversion import RULES, convert
from lava_dt.export.blocks import describe


def twins(make: Callable[[], Any], dt: int, rules: Sequence[str]) -> dict[str, str]:
    """Of every rule the first one that makes the same network; mostly the rule itself.

    Args:
        make: a fresh network at dt = 1.
        dt: fine steps to convert it to.
        rules: names, in order.
    """
    seen: list[tuple[str, bool, Any]] = []
    first: dict[str, str] = {}
    for name in rules:
        rule, net = RULES[name], make()
        try:
            convert(net, dt, dataclasses.replace(rule, matched=False), clock="coarse")
        except ValueError:  # which it says where it is measured
            first[name] = name
            continue
        described = describe(net)
        alike = (other for other, matched, known in seen if matched == rule.matched and _same(known, described))
        first[name] = next(alike, name)
        if first[name] == name:
            seen.append((name, rule.matched, described))
    return first


def _same(one: Any, other: Any) -> bool:
    return all(_agree(*pair) for pair in zip(one.layers, other.layers, strict=True))


def _agree(one: Any, other: Any) -> bool:
    """In its registers, and in the parameters of a fine step that matching and training start from."""
    if one.differs_from(other) is not None or (one.fine is None) != (other.fine is None):
        return False
    return one.fine is None or (
        (one.fine.threshold, one.fine.scale) == (other.fine.threshold, other.fine.scale)
        and np.array_equal(one.fine.delay, other.fine.delay)
    )
