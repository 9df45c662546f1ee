"""A figure, and what several kinds of figures share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runs.comparison import Entry
from runs.estimate import Estimate
from runs.report.drawing.colours import kind_colour
from runs.report.sections import Section
from runs.report.steps import coarseness

LETTER = 6.6  # width of a heavy letter of a label beside the axes
LONGEST = 24  # letters of such a label
NOTHING = Estimate(mean=math.nan, margin=math.nan, n=0)
_OF_MODEL = {"bats": 0, "slayer": 1, "clocked": 2}


@dataclass(frozen=True)
class Drawn:
    """A figure: the name of its file, its SVG, and what it shows where it cannot be seen."""

    key: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Line:
    """The coarser steps of a section, taken in one way: what it is called, from few bins to many, and its colour."""

    name: str
    entries: list[Entry]
    colour: str


def lines_of(sections: Sequence[Section], value: Callable[[Entry], Estimate]) -> list[Line]:
    """The lines that have anything to show; where there is one only, it has its model's colour."""
    found: list[tuple[str, list[Entry]]] = []
    for section in sections:
        ways = section.variants()
        for way in ways:
            ours = [e for e in section.discretised if section.variant(e) == way and not math.isnan(value(e).mean)]
            told = section.name
            if len(ways) > 1:
                told = way if len(sections) == 1 else f"{section.name}, {way}"
            if ours:
                found.append((told, sorted(ours, key=lambda e: coarseness(e.config))))
    return [
        Line(told, entries, kind_colour(_OF_MODEL[entries[0].config.model] if len(found) == 1 else place))
        for place, (told, entries) in enumerate(found)
    ]


def ends(value: Estimate, widest: float = 0.3) -> list[float]:
    """The mean and, unless the interval is wider than anything worth an axis of its size, its two ends."""
    return [value.mean, *([value.mean - value.margin, value.mean + value.margin] if value.margin < widest else [])]


def cut(label: str) -> str:
    """A label beside the axes, of at most `LONGEST` letters."""
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "\u2026"
