"""Axes: what they span, and ticks that can be told from each other, at matplotlib's places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import Locator, LogLocator, MaxNLocator

MINUS = "\u2212"


@dataclass(frozen=True)
class Axis:
    """A direction of a figure.

    low, high: the values at its ends; low may be the greater one, and the axis then runs the other way.
    ticks: (value, text). label: what it tells, with its unit. log: whether places go by the logarithm.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    label: str = ""
    log: bool = False

    def place(self, value: float) -> float:
        """From 0 (low) to 1 (high); beyond for values outside."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)


def share_axis(values: Iterable[float], label: str, *, least: float = 0.02) -> Axis:
    """An axis of percentages that spans at least `least`, never beyond 0 and 1 where the values are not."""
    known = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    missing = max(0.0, least - (high - low)) / 2
    within = low >= 0 and high <= 1
    low, high = low - missing, high + missing
    margin = 0.04 * (high - low)
    low, high = low - margin, high + margin
    if within:
        low, high = max(low, -0.01), min(high, 1.01)
    places = _places(MaxNLocator(6, steps=[1, 2, 5, 10]), low, high)
    digits = max(0, math.ceil(-math.log10(100 * (places[1] - places[0])) - 1e-6))
    return Axis(low, high, tuple((v, _share(v, digits)) for v in places), label)


def count_axis(last: int, label: str) -> Axis:
    """Whole numbers from 1, as epochs are; where that is the last one it stands at the end, beside the names."""
    if last < 2:
        return Axis(0, 1.02, ((1.0, "1"),), label)
    even = [n for n in _places(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]), 2, last) if n > 1 + last / 10]
    places = [1.0, *even]
    return Axis(1 - 0.02 * last, last + 0.02 * last, tuple((n, f"{n:g}") for n in places), label)


def log_axis(values: Iterable[float], label: str, *, at: Sequence[tuple[float, str]] = ()) -> Axis:
    """A logarithmic axis around the positive values. at: its ticks; without them 1, 2, 5, 10 ... or powers of ten."""
    known = [v for v in values if math.isfinite(v) and v > 0] or [1.0, 10.0]
    low, high = min(known), max(known)
    room = max((high / low) ** 0.06, 1.15)
    low, high = low / room, high * room
    places = _places(LogLocator(subs=(1, 2, 5) if high / low <= 1e3 else (1,), numticks=7), low, high)
    return Axis(low, high, tuple(at) or tuple((v, short(v)) for v in places), label, log=True)


def short(value: float) -> str:
    """A quantity in a few letters: 950, 12k, 3.4M."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "\u2013"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{unit}".replace("-", MINUS)
    return f"{value:.3g}".replace("-", MINUS)


def _places(locator: Locator, low: float, high: float) -> list[float]:
    """The locator's ticks that the axis shows."""
    return [float(v) for v in locator.tick_values(low, high) if low <= v <= high]


def _share(value: float, digits: int) -> str:
    return f"{round(100 * value, digits) or 0.0:.{digits}f}%".replace("-", MINUS)
