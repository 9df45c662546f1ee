"""The figure of a benchmark, as SVG text: speed against the first contestant, and how the times scale."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from runs.bench.results import Record
from runs.plot_style import GRID, INK, STYLE

Curves = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Panel:
    """How something scales: a point (x, y) or more for every contestant, on logarithmic axes.

    unit: what x is divided by on the ticks, 0.01 for percent.
    """

    x: str
    y: str
    curves: Curves
    unit: float = 1.0

    def drawn(self) -> Curves:
        """The curves with more points than one."""
        return {name: points for name, points in self.curves.items() if len(points) > 1}


def draw(races: Sequence[Record], panels: Sequence[Panel], colours: dict[str, str], ratio: str) -> str:
    """Bars for the ratios of the races, and the panels that have something to draw.

    Args:
        colours: by contestant; others are dark.
        ratio: what the bars tell, in words.
    """
    named = [race for race in races if race["entries"]]
    shown = [panel for panel in panels if panel.drawn()]
    with matplotlib.rc_context(STYLE):
        height = max(1.2, 0.16 * sum(len(race["entries"]) + 1 for race in named) + 0.8)
        rows = -(-len(shown) // 2)
        heights = [*([height] if named or not rows else []), *([3 * rows] if rows else [])]
        figure = Figure(figsize=(9.5, sum(heights)), layout="constrained")
        parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        if named or not rows:
            axes = parts[0].subplots()
            axes.set_xlabel(ratio)
            _bars(axes, named, colours)
        for number, panel in enumerate(shown, 1):
            _lines(parts[-1].add_subplot(rows, 2, number), panel, colours)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _bars(axes: Axes, races: Sequence[Record], colours: dict[str, str]) -> None:
    place, ticks, names = 0.0, [], []
    for race in races:
        shown = {name: row for name, row in race["entries"].items() if "wall_ratio" in row}
        for name, row in shown.items():
            if name != row.get("reference", race["reference"]):
                axes.barh(place, row["wall_ratio"], height=0.85, color=colours.get(name, INK))
                axes.annotate(
                    f" {row['wall_ratio']:.1f} x  {name}", (row["wall_ratio"], place), va="center", fontsize=7
                )
                ticks.append(place)
                names.append(race["title"])
                place += 1
        place += 0.8
    labels = [name if name not in names[:i] else "" for i, name in enumerate(names)]
    axes.set_yticks(ticks, labels, fontsize=7.5)
    axes.axvline(1, color=INK, lw=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    left, right = axes.get_xlim()
    axes.set_xlim(min(0.8, left), right * 3)
    axes.invert_yaxis()
    _dress(axes)


def _lines(axes: Axes, panel: Panel, colours: dict[str, str]) -> None:
    curves = panel.drawn()
    for entry, points in curves.items():
        axes.plot(*zip(*points, strict=True), "o-", color=colours.get(entry, INK), lw=1.6, ms=4, label=entry)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = _apart(sorted({value for points in curves.values() for value, _ in points}))
    axes.set_xticks(ticks, [f"{value / panel.unit:.3g}" if value < 1000 else f"{value:,.0f}" for value in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.legend(frameon=False, fontsize=7)
    _dress(axes)


def _apart(values: list[float]) -> list[float]:
    """Those of the values, ascending, that have room for a label beside the one before."""
    room = (values[-1] / values[0]) ** (1 / 12)
    kept = values[:1]
    for value in values[1:]:
        if value > room * kept[-1]:
            kept.append(value)
    return kept


def _dress(axes: Axes) -> None:
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
