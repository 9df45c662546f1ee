"""One small figure: axes and the marks on them, as SVG.

A panel has a size of its own in CSS pixels and is shown at about that size on screens of any width: a page lays panels
beside or below each other. Marks are drawn in the order in which they are added; what lies outside the axes is cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from runs.report.drawing.scales import Axis

Points = Sequence[tuple[float, float]]
_LETTER = 6.3  # width of a wide font's letters at 10.5 pixels, on average
_TEXT = 10.5


class Panel:
    """Axes of `width` x `height` pixels.

    title: stands above. description: what a reader who cannot see it is told. left, right: room beside the axes, for
    ticks and labels.
    """

    def __init__(
        self,
        x: Axis,
        y: Axis,
        *,
        title: str = "",
        description: str = "",
        width: float = 340,
        height: float = 230,
        left: float | None = None,
        right: float = 10,
        grid: bool = True,
    ) -> None:
        self.x, self.y = x, y
        self._title, self._description = title, description or title
        self.size = (width, height)
        widest = max((len(text) for _, text in y.ticks), default=0)
        self._left = 8 + widest * _LETTER + (16 if y.label else 0) if left is None else left
        self._top = 24.0 if title else 8.0
        self._right = width - right
        self._bottom = height - (34 if x.label else 20 if x.ticks else 6)
        self._marks: list[str] = []
        self._above: list[str] = []
        self._labels: list[tuple[float, str, str]] = []
        self._grid = grid

    def line(self, points: Points, colour: str, *, width: float = 1.8, dash: str = "", told: str = "") -> None:
        """A line through the points; it breaks where a value is no number. told: shown under the pointer."""
        for piece in _pieces(points):
            path = "M" + "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in piece)
            dashed = f' stroke-dasharray="{dash}"' if dash else ""
            self._mark(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}', "path", told)

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """A translucent band between two lines."""
        upper = [(x, v) for x, v in zip(xs, high, strict=True) if math.isfinite(v)]
        lower = [(x, v) for x, v in zip(xs, low, strict=True) if math.isfinite(v)]
        if len(upper) > 1 and len(upper) == len(lower):
            path = "M" + "L".join(f"{self._x(x):.1f} {self._y(v):.1f}" for x, v in [*upper, *reversed(lower)]) + "Z"
            self._marks.append(f'<path d="{path}" fill="{colour}" fill-opacity=".1"/>')

    def dots(self, points: Points, colour: str, *, radius: float = 3, hollow: bool = False, told: str = "") -> None:
        """A dot at each point; hollow ones show the paper."""
        fill = f'fill="var(--paper)" stroke="{colour}" stroke-width="1.6"' if hollow else f'fill="{colour}"'
        for x, y in points:
            if math.isfinite(x) and math.isfinite(y):
                self._mark(
                    f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="{radius}" {fill}',
                    "circle",
                    told,
                    above=True,
                )

    def bar(self, x: float, low: float, high: float, colour: str) -> None:
        """An interval, upright."""
        if math.isfinite(low) and math.isfinite(high):
            at, feet = self._x(x), ((self._y(low)), (self._y(high)))
            ends = "".join(f"M{at - 3:.1f} {y:.1f}H{at + 3:.1f}" for y in feet)
            path = f"M{at:.1f} {feet[0]:.1f}V{feet[1]:.1f}{ends}"
            self._marks.append(f'<path d="{path}" stroke="{colour}" stroke-width="1.3" fill="none"/>')

    def span(self, y: float, low: float, high: float, colour: str) -> None:
        """An interval, lying."""
        if math.isfinite(low) and math.isfinite(high):
            path = f"M{self._x(low):.1f} {self._y(y):.1f}H{self._x(high):.1f}"
            self._marks.append(f'<path d="{path}" stroke="{colour}" stroke-width="1.3" fill="none"/>')

    def level(self, y: float, colour: str = "var(--ink)", *, dash: str = "", width: float = 1) -> None:
        """A line from side to side."""
        if min(self.y.low, self.y.high) <= y <= max(self.y.low, self.y.high):
            dashed = f' stroke-dasharray="{dash}"' if dash else ""
            path = f"M{self._left:.1f} {self._y(y):.1f}H{self._right:.1f}"
            self._marks.append(f'<path d="{path}" stroke="{colour}" stroke-width="{width}"{dashed}/>')

    def strokes(self, points: Points, colour: str, *, height: float, width: float = 1) -> None:
        """An upright stroke of `height` (on the y axis) around each point, as spikes are drawn."""
        half = abs(self._y(height) - self._y(0)) / 2
        path = "".join(f"M{self._x(x):.1f} {self._y(y) - half:.1f}v{2 * half:.1f}" for x, y in points)
        if path:
            self._marks.append(f'<path d="{path}" stroke="{colour}" stroke-width="{width}"/>')

    def text(self, x: float, y: float, text: str, colour: str = "var(--soft)", *, anchor: str = "start") -> None:
        """Words at a place."""
        self._above.append(_text(self._x(x), self._y(y), text, anchor, colour))

    def label(self, y: float, text: str, colour: str) -> None:
        """The name of a line beside the axes, at the height where it ends; labels make room for each other."""
        if math.isfinite(y):
            self._labels.append((self._y(y), text, colour))

    def svg(self) -> str:
        """The figure."""
        width, height = self.size
        head = _opening(width, height, self._description)
        title = f'<text x="0" y="13" font-weight="600" fill="var(--ink)" font-size="12">{escape(self._title)}</text>'
        cut = (
            f'<svg x="{self._left:.1f}" y="{self._top:.1f}" width="{self._right - self._left:.1f}" '
            f'height="{self._bottom - self._top:.1f}" viewBox="{self._left:.1f} {self._top:.1f} '
            f'{self._right - self._left:.1f} {self._bottom - self._top:.1f}">{"".join(self._marks)}</svg>'
        )
        parts = [title if self._title else "", *self._frame(), cut, *self._above, *self._named()]
        return head + "".join(parts) + "</svg>"

    def _frame(self) -> list[str]:
        parts = []
        for value, text in self.y.ticks:
            at = self._y(value)
            if self._grid:
                parts.append(f'<path d="M{self._left:.1f} {at:.1f}H{self._right:.1f}" stroke="var(--line)"/>')
            parts.append(_text(self._left - 5, at + 3.6, text, "end"))
        parts.append(f'<path d="M{self._left:.1f} {self._bottom:.1f}H{self._right:.1f}" stroke="var(--soft)"/>')
        for value, text in self.x.ticks:
            at = self._x(value)
            parts.append(f'<path d="M{at:.1f} {self._bottom:.1f}v4" stroke="var(--soft)"/>')
            parts.append(_text(at, self._bottom + 15, text, "middle"))
        if self.x.label:
            parts.append(_text((self._left + self._right) / 2, self.size[1] - 4, self.x.label, "middle"))
        if self.y.label:
            turned = f"translate(9 {(self._top + self._bottom) / 2:.1f}) rotate(-90)"
            parts.append(f'<g transform="{turned}">{_text(0, 0, self.y.label, "middle")}</g>')
        return parts

    def _named(self) -> list[str]:
        """The labels beside the axes, pushed apart where they would cover each other."""
        gap, named = 11.5, sorted(self._labels)
        places = [y for y, _, _ in named]
        for _ in range(60):
            for i in range(len(places) - 1):
                short = gap - (places[i + 1] - places[i])
                if short > 0.01:
                    places[i] -= short / 2
                    places[i + 1] += short / 2
        shift = max(0.0, self._top + 2 - places[0]) if places else 0.0
        return [
            _text(self._right + 5, y + shift + 3.6, text, "start", colour, 600)
            for y, (_, text, colour) in zip(places, named, strict=True)
        ]

    def _mark(self, begun: str, name: str, told: str, *, above: bool = False) -> None:
        whole = f"{begun}><title>{escape(told)}</title></{name}>" if told else f"{begun}/>"
        (self._above if above else self._marks).append(whole)

    def _x(self, value: float) -> float:
        return self._left + self.x.place(value) * (self._right - self._left)

    def _y(self, value: float) -> float:
        return self._bottom - self.y.place(value) * (self._bottom - self._top)


def stacked(panels: Sequence[Panel], description: str) -> str:
    """Panels below each other, in one figure."""
    width = max(panel.size[0] for panel in panels)
    heights = [panel.size[1] for panel in panels]
    places = [sum(heights[:i]) for i in range(len(panels))]
    inner = "".join(p.svg().replace("<svg ", f'<svg y="{y:g}" ', 1) for p, y in zip(panels, places, strict=True))
    return _opening(width, sum(heights), description) + inner + "</svg>"


def _opening(width: float, height: float, description: str) -> str:
    told = f"<title>{escape(description)}</title>" if description else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-size="{_TEXT}">{told}'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "var(--soft)", weight: int = 400) -> str:
    heavy = f' font-weight="{weight}"' if weight != 400 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{heavy}>{escape(text)}</text>'


def _pieces(points: Points) -> list[list[tuple[float, float]]]:
    """Runs of points that are numbers, of two or more."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]
