"""Axes: from values to places, with ticks that can be told from each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MINUS = "\u2212"
_FEWEST = 3  # ticks of a logarithmic axis that spans less than a decade


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


def value_axis(values: Iterable[float], label: str, *, zero: bool = False, ticks: int = 5, share: bool = False) -> Axis:
    """A linear axis around the values that are numbers, with a little room.

    zero: begin at 0. share: 0.25 is written 25%.
    """
    known = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    width = (high - low) or abs(high) or 1.0
    if high == low:
        low, high = low - width / 2, high + width / 2
        width = high - low
    low, high = (low if zero and low == 0 else low - 0.04 * width), high + 0.04 * width
    return Axis(low, high, tuple(_even(low, high, ticks, share)), label)


def share_axis(values: Iterable[float], label: str, *, least: float = 0.02, ticks: int = 5) -> Axis:
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
    return Axis(low, high, tuple(_even(low, high, ticks, True)), label)


def count_axis(last: int, label: str) -> Axis:
    """Whole numbers from 1, as epochs are."""
    last = max(2, last)
    every = max(1, math.ceil(last / 6))
    every = next(n for n in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, every) if n >= every)
    numbers = [1, *range(every if every > 1 else 2, last + 1, every)]
    if len(numbers) > 1 and every > 2 and numbers[1] - numbers[0] < every / 2:
        numbers = numbers[1:]
    return Axis(1 - 0.02 * last, last + 0.02 * last, tuple((n, f"{n}") for n in numbers), label)


def log_axis(values: Iterable[float], label: str, *, at: Sequence[tuple[float, str]] = ()) -> Axis:
    """A logarithmic axis around the positive values. at: its ticks; without them 1, 2, 5, 10 ... or powers of ten."""
    known = [v for v in values if math.isfinite(v) and v > 0] or [1.0, 10.0]
    low, high = min(known), max(known)
    room = max((high / low) ** 0.06, 1.15)
    low, high = low / room, high * room
    ticks = tuple(at) or tuple(_decades(low, high))
    return Axis(low, high, ticks, label, log=True)


def short(value: float) -> str:
    """A quantity in a few letters: 950, 12k, 3.4M."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "\u2013"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g}{unit}".replace("-", MINUS)
    return f"{value:.3g}".replace("-", MINUS)


def _even(low: float, high: float, wanted: int, share: bool) -> list[tuple[float, str]]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * 0.9999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    unit = 100.0 if share else 1.0
    digits = max(0, math.ceil(-math.log10(step * unit) - 1e-6))
    return [(n * step, _tick(n * step, unit, digits, share)) for n in range(first, last + 1)]


def _tick(value: float, unit: float, digits: int, share: bool) -> str:
    scaled = value * unit
    if abs(scaled) >= 10000 and not share:
        return short(scaled)
    return f"{round(scaled, digits) or 0.0:.{digits}f}{'%' if share else ''}".replace("-", MINUS)


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if last - first <= 3 else (1,)
    every = max(1, (last - first) // 6)
    found = [d * 10.0**p for p in range(first, last + 1, every) for d in digits]
    found = [v for v in found if low <= v <= high]
    if len(found) < _FEWEST:
        found = [v for v, _ in _even(low, high, _FEWEST + 1, False)]
    return [(v, short(v)) for v in found]
