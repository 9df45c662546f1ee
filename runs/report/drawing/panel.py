"""One small figure: axes of matplotlib and the marks on them.

A panel has a size of its own in CSS pixels and is shown at about that size on screens of any width: a page lays panels
beside or below each other. What lies outside the axes is cut, but for dots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from runs.plot_style import STYLE
from runs.report.drawing.colours import hue
from runs.report.drawing.scales import Axis
from runs.report.drawing.svg import as_svg, told_id

Points = Sequence[tuple[float, float]]
_TEXT = 10.5  # size of letters
_SOFT = hue("var(--soft)")
_STYLE = {
    **STYLE,
    "font.size": _TEXT,
    "axes.axisbelow": True,
    "axes.edgecolor": _SOFT,
    "axes.facecolor": "none",
    "axes.labelcolor": _SOFT,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 72,
    "figure.facecolor": "none",
    "grid.color": hue("var(--line)"),
    "grid.linewidth": 1,
    "text.parse_math": False,  # names may hold a dollar
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "ytick.major.size": 0,
}
_GAP = 11.5  # between the names of two lines


class Panel:
    """Axes and the marks on them.

    Colours are names of `runs.report.drawing.colours`. told: what is shown under the pointer.
    """

    def __init__(self, axes: Axes, x: Axis, y: Axis) -> None:
        self.axes, self.x, self.y = axes, x, y
        self._names: list[tuple[float, str, str]] = []

    def line(self, points: Points, colour: str, *, width: float = 1.8, dash: str = "-", told: str = "") -> None:
        """A line through the points; it breaks where a value is no number. dash: as matplotlib has it."""
        self._draw(points, colour, told, linewidth=width, linestyle=dash)

    def dots(self, points: Points, colour: str, *, radius: float = 3, hollow: bool = False, told: str = "") -> None:
        """A dot at each point; hollow ones show the paper."""
        face = hue("var(--paper)" if hollow else colour)
        look = {"markersize": 2 * radius, "markerfacecolor": face, "markeredgewidth": 1.6 if hollow else 0}
        self._draw(points, colour, told, linewidth=0, marker="o", zorder=3, clip_on=False, **look)

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """A translucent band between two lines."""
        edge = [*zip(xs, high, strict=True), *reversed([*zip(xs, low, strict=True)])]
        self.axes.add_artist(Polygon(edge, facecolor=hue(colour), alpha=0.1, linewidth=0))

    def bar(self, x: float, low: float, high: float, colour: str) -> None:
        """An interval, upright."""
        self._draw([(x, low), (x, high)], colour, linewidth=1.3, marker="_", markersize=6, markeredgewidth=1.3)

    def level(self, y: float, colour: str = "var(--ink)", *, dash: str = "-", width: float = 1) -> None:
        """A line from side to side."""
        self.line([(self.x.low, y), (self.x.high, y)], colour, dash=dash, width=width)

    def strokes(self, points: Points, colour: str, *, height: float, width: float = 1) -> None:
        """An upright stroke of `height` (on the y axis) around each point, as spikes are drawn."""
        half = height / 2
        ends = [end for x, y in points for end in ((x, y - half), (x, y + half), (x, math.nan))]
        self._draw(ends, colour, linewidth=width)

    def label(self, y: float, text: str, colour: str) -> None:
        """The name of a line beside the axes, at the height where it ends; names make room for each other."""
        if math.isfinite(y):
            self._names.append((y, text, colour))

    def svg(self, key: str, description: str) -> str:
        """The whole figure; arguments as `as_svg` has them."""
        box, names = self.axes.bbox, sorted(self._names)
        self._names = []
        look: dict[str, Any] = {"transform": self.axes.transAxes, "va": "center_baseline"}
        look |= {"size": _TEXT, "weight": "bold", "parse_math": False}
        heights = _apart([self.y.place(y) * box.height for y, _, _ in names], _GAP)
        beyond = max(0.0, max(heights, default=0.0) - box.height + 2)
        for at, (_, text, colour) in zip(heights, names, strict=True):
            self.axes.text(1 + 5 / box.width, (at - beyond) / box.height, text, color=hue(colour), **look)
        figure: Any = self.axes.figure
        return as_svg(figure, key, description)

    def scale(self) -> None:
        """Gives the axes their spans, ticks and labels; those at the side, which have no marks, make room."""
        self.axes.set(xscale="log" if self.x.log else "linear", xlim=(self.x.low, self.x.high), xlabel=self.x.label)
        self.axes.set(ylim=(self.y.low, self.y.high), ylabel=self.y.label)
        self.axes.minorticks_off()
        self.axes.xaxis.set_ticks([value for value, _ in self.x.ticks], [text for _, text in self.x.ticks])
        rising = sorted(self.y.ticks, key=lambda tick: self.y.place(tick[0]))
        height = self.axes.bbox.height
        places = [at / height for at in _apart([self.y.place(value) * height for value, _ in rising], _TEXT)]
        values = [self.y.low + min(1.0, max(0.0, at)) * (self.y.high - self.y.low) for at in places]
        self.axes.yaxis.set_ticks(values, [text for _, text in rising])

    def _draw(self, points: Points, colour: str, told: str = "", **look: Any) -> None:
        xs, ys = zip(*points, strict=True) if points else ((), ())
        colour = hue(colour)
        line = Line2D(xs, ys, color=colour, markeredgecolor=colour, solid_capstyle="butt", gid=told_id(told), **look)
        line.set_transform(self.axes.transData)
        self.axes.add_artist(line)


def one_panel(x: Axis, y: Axis, *, title: str, height: float = 230, right: float = 10) -> Panel:
    """A panel in a figure of its own. title: stands above. right: room beside the axes, for names of lines."""
    return stack([(x, y, height)], title=title, right=right)[0]


def stack(
    rows: Sequence[tuple[Axis, Axis, float]], *, title: str, width: float = 340, left: float = 56, right: float = 10
) -> list[Panel]:
    """Panels below each other in one figure.

    Args:
        rows: x and y axis and height of each, from the top.
        title: stands above the first.
        left, right: room beside the axes, for ticks and names.
    """
    rooms = [(8 if place else 24, 34 if x.label else 20 if x.ticks else 6) for place, (x, _, _) in enumerate(rows)]
    heights = [(height, *room) for (_, _, height), room in zip(rows, rooms, strict=True)]
    with matplotlib.rc_context(_STYLE):
        figure = _blank(width, left, right, heights)
        figure.text(0, 1 - 13 / (72 * figure.get_figheight()), title, size=12, weight="bold", color=hue("var(--ink)"))
        panels = [Panel(axes, x, y) for axes, (x, y, _) in zip(figure.axes, rows, strict=True)]
        for panel in panels:
            panel.scale()
    return panels


def _blank(width: float, left: float, right: float, rows: Sequence[tuple[float, float, float]]) -> Figure:
    """Axes below each other. rows: height of each, and the room in it above and below the axes."""
    bottom = whole = sum(height for height, _, _ in rows)
    figure = Figure(figsize=(width / 72, whole / 72))
    for height, above, below in rows:
        bottom -= height
        inner = (width - left - right, height - above - below)
        axes = figure.add_axes((left / width, (bottom + below) / whole, inner[0] / width, inner[1] / whole))
        axes.xaxis.set_label_coords(0.5, (14 - below) / inner[1])
        axes.yaxis.set_label_coords((10 - left) / inner[0], 0.5)
        axes.grid(len(rows) == 1, axis="y")
    return figure


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights [pixels], rising, pushed apart where names at them would be closer than the gap."""
    found = list(heights)
    for _ in range(60):
        for i in range(len(found) - 1):
            short = gap - (found[i + 1] - found[i])
            if short > 0.01:
                found[i] -= short / 2
                found[i + 1] += short / 2
    return found
