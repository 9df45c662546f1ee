"""The figure of a benchmark, as SVG text: speed against lava-dl, and how the times scale."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_INK, _GRID = "#1f2933", "#e4e7eb"
_COLOURS = {
    "lava-dl": "#52606d",
    "lava-dl coarse": "#9aa5b1",
    "plain torch": "#d97706",
    "lava-dt": "#1d4ed8",
    "lava-dt events": "#0f9d8a",
    "lava-dt held": "#7c3aed",
    "lava-dt held events": "#b58cf5",
    "lava-dt coarse": "#c2410c",
    "lava-dt coarse events": "#f08a5d",
}
_STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "svg.hashsalt": "lava-dt",
}
_AXES = {"steps": "steps", "hidden": "hidden neurons", "batch": "batch", "density": "input density [%]", "dt": "dt"}
_USUAL = {"steps": 300, "hidden": 512, "batch": 32, "density": 0.006, "dt": 1}


def draw(result: dict[str, Any]) -> str:
    """One panel for the ratios, and one for each quantity that at least two races differ in."""
    races = [race for race in result["races"] if race["entries"]]
    curves = {name: found for name in _AXES if len(found := _curves(races, name)) and _has_line(found)}
    with matplotlib.rc_context(_STYLE):
        named = [race for race in races if race["case"]["section"] != "scaling"]
        height = max(1.2, 0.16 * sum(len(race["entries"]) + 1 for race in named) + 0.8)
        rows = -(-len(curves) // 2)
        figure = Figure(figsize=(9.5, height + 3 * rows), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=[height, 3 * rows]) if rows else [figure]
        _bars(parts[0].subplots(), named)
        for number, (name, found) in enumerate(curves.items(), 1):
            _lines(parts[1].add_subplot(rows, 2, number), name, found)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _bars(axes: Axes, races: list[dict[str, Any]]) -> None:
    place, ticks, names = 0.0, [], []
    for race in races:
        shown = {name: row for name, row in race["entries"].items() if "wall_ratio" in row}
        for name, row in shown.items():
            if name != race["reference"]:
                axes.barh(place, row["wall_ratio"], height=0.85, color=_COLOURS.get(name, _INK))
                axes.annotate(
                    f" {row['wall_ratio']:.1f} x  {name}", (row["wall_ratio"], place), va="center", fontsize=7
                )
                ticks.append(place)
                names.append(race["title"])
                place += 1
        place += 0.8
    labels = [name if name not in names[:i] else "" for i, name in enumerate(names)]
    axes.set_yticks(ticks, labels, fontsize=7.5)
    axes.axvline(1, color=_INK, lw=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    left, right = axes.get_xlim()
    axes.set_xlim(min(0.8, left), right * 3)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the first contestant (wall time, median of the rounds' ratios)")
    _dress(axes)


def _curves(races: list[dict[str, Any]], name: str) -> dict[str, list[tuple[float, float]]]:
    """Points (value of `name`, median wall seconds) of every contestant over dense training races that are otherwise
    the usual one; a contestant of no clock is that of the network's own step."""
    points: dict[str, dict[float, float]] = {}
    for race in races:
        case = race["case"]
        usual = all(case[other] == value for other, value in _USUAL.items() if other != name)
        if (case["mode"], case["network"], case["device"], case["delay"]) == (
            "training",
            "dense",
            "cpu",
            False,
        ) and usual:
            for entry, row in race["entries"].items():
                points.setdefault(entry, {}).setdefault(case[name], row["wall"])
    return {entry: sorted(found.items()) for entry, found in points.items()}


def _has_line(curves: dict[str, list[tuple[float, float]]]) -> bool:
    return any(len(points) > 1 for points in curves.values())


def _lines(axes: Axes, name: str, curves: dict[str, list[tuple[float, float]]]) -> None:
    for entry, points in curves.items():
        axes.plot(*zip(*points, strict=True), "o-", color=_COLOURS.get(entry, _INK), lw=1.6, ms=4, label=entry)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({value for points in curves.values() for value, _ in points})
    axes.set_xticks(ticks, [f"{100 * v:g}" if name == "density" else f"{v:g}" for v in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(_AXES[name])
    axes.set_ylabel("training step [s]")
    axes.legend(frameon=False, fontsize=7)
    _dress(axes)


def _dress(axes: Axes) -> None:
    axes.grid(color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
