"""Numbers and settings as a report prints them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runs.comparison import Entry
from runs.config import AnyConfig, shown
from runs.estimate import Estimate

MISSING = "\u2013"
_WORDS = {"silent_labels": "remedy for silent labels"}
_FINE = 0.195  # percent: margins below it are told with a digit more


def percent(value: float, *, signed: bool = False, digits: int = 1) -> str:
    """A share as a percentage; a dash for nan."""
    return MISSING if math.isnan(value) else f"{number(100 * value, digits, signed=signed)}%"


def spread(value: Estimate, *, signed: bool = False) -> str:
    """A share with its confidence interval, where there is one: 97.1 +- 0.2 %; of two seeds with both values.

    Student's interval of two values is 12.7 times as wide as their distance, which tells a reader less than they do.
    """
    return spreads([value], signed=signed)[0]


def spreads(values: Sequence[Estimate | None], *, signed: bool = False) -> list[str]:
    """Shares below each other, all with the digits that the smallest interval asks for; None: the baseline."""
    known = [100 * _scatter(v) for v in values if v is not None]
    digits = 2 if any(scatter < _FINE for scatter in known) else 1
    return ["baseline" if v is None else _between(v, digits, signed) for v in values]


def _scatter(value: Estimate) -> float:
    """What the digits of a mean are chosen by: the margin, or how far each of two values is from it; nan for one."""
    return abs(value.values[1] - value.values[0]) / 2 if len(value.values) == 2 else value.margin


def _between(value: Estimate, digits: int, signed: bool) -> str:
    if math.isnan(value.margin):
        return percent(value.mean, signed=signed, digits=digits)
    if len(value.values) == 2:
        both = ", ".join(number(100 * one, digits, signed=signed) for one in value.values)
        return f"{percent(value.mean, signed=signed, digits=digits)} ({both})"
    return f"{number(100 * value.mean, digits, signed=signed)} \u00b1 {100 * value.margin:.{digits}f}%"


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """Rounded, with a minus sign of type and commas; what rounds to zero has no sign. A dash for nan."""
    if math.isnan(value):
        return MISSING
    rounded = round(value, digits) or 0.0
    sign = "+" if signed and rounded else ""
    return f"{rounded:{sign},.{digits}f}".replace("-", "\u2212")


def several(n: int, one: str, more: str = "") -> str:
    """1 run, 2 runs."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def words(name: str) -> str:
    """The name of a setting in words."""
    return _WORDS.get(name, name.replace("_", " "))


def setting(name: str, value: object) -> str:
    """A setting as text: "loss ttfs", "grow", "no grid inputs", "no encoding"."""
    if isinstance(value, bool):
        return words(name) if value else f"no {words(name)}"
    if value is None:
        return f"no {words(name)}"
    return f"{words(name)} {f'{value:g}' if isinstance(value, float) else shown(value)}"


def step(entry: Entry) -> str:
    """The length of the step, with its unit."""
    config = entry.config
    if config.is_baseline():
        return "undiscretised" if config.dt is None else "1 ms (undiscretised)"
    return f"{config.dt} ms" if config.model == "slayer" else f"{1000 * float(config.dt or 0):.3g} ms"


def bins(entry: Entry) -> str:
    """The number of bins, a dash in exact time."""
    return MISSING if entry.config.bins is None else str(entry.config.bins)


def variant(config: AnyConfig, varying: tuple[str, ...]) -> str:
    """How the step is taken, apart from its length: the rule or clock, and those of the settings `varying`."""
    if config.is_baseline():
        return ""
    named: list[str] = []
    if config.model == "bats":
        named.append(config.rule)
    elif config.model == "slayer" and (config.clock != "coarse" or "clock" in varying):
        named.append(config.clock)
    others = [setting(name, getattr(config, name)) for name in varying if name not in ("rule", "clock")]
    return ", ".join([*named, *others])


def telling(configs: Sequence[AnyConfig], names: Sequence[str]) -> tuple[str, ...]:
    """Those of the settings `names` that are needed to tell the variants of a step from each other.

    A setting that follows from the others, as a rule's own way with the inputs, needs no mention.
    """
    needed = [name for name in names if len({getattr(config, name) for config in configs}) > 1]
    everything = _variants(configs, needed)
    for name in reversed(needed[1:]):
        fewer = [other for other in needed if other != name]
        if _variants(configs, fewer) == everything:
            needed = fewer
    return tuple(needed)


def _variants(configs: Sequence[AnyConfig], names: Sequence[str]) -> int:
    return len({tuple(getattr(config, name) for name in names) for config in configs})
