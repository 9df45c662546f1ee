"""The figures of a report, as SVG text."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from runs.comparison import Entry

_INK, _GRID = "#1f2933", "#e4e7eb"
_MODEL_COLOURS = {"slayer": "#c2410c", "bats": "#1d4ed8"}
_STYLE: Any = {
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "svg.hashsalt": "lava-dt",
    "svg.fonttype": "path",
}


def accuracy_curves(entries: Sequence[Entry], metric: str) -> str:
    """One accuracy ("train_accuracy" or "test_accuracy") of one model's runs against epochs, one colour a step."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.0, 3.3), layout="constrained")
        axes = figure.subplots()
        for entry, colour in zip(entries, _colours(entries), strict=True):
            series = entry.run.series(metric)
            width = 2.2 if entry.run.config.is_baseline() else 1.5
            epochs = range(1, len(series) + 1)
            axes.plot(epochs, series, "o-", color=colour, lw=width, ms=3, label=_label(entry))
        _dress(axes)
        both = [value for e in entries for name in ("train_accuracy", "test_accuracy") for value in e.run.series(name)]
        margin = 0.05 * max(0.02, max(both) - min(both))
        axes.set_ylim(min(both) - margin, max(both) + margin)
        axes.set_title({"train_accuracy": "training set", "test_accuracy": "test set"}[metric], fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.legend(loc="lower right", frameon=False, fontsize=8.5)
        return _svg(figure)


def convergence_plot(entries: Sequence[Entry]) -> str:
    """Change in convergence rate against bins, one line a model."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 2.9), layout="constrained")
        axes = figure.subplots()
        ticks: set[int] = set()
        for model in dict.fromkeys(entry.run.config.model for entry in entries):
            for name, points in _lines([e for e in entries if e.run.config.model == model]).items():
                ticks |= {bins for bins, _ in points}
                style = "o-" if not name or name == "snap" else "s--"
                label = f"{model.upper()}{f' ({name})' if name else ''}"
                axes.plot(*zip(*points, strict=True), style, color=_MODEL_COLOURS[model], lw=1.8, ms=5, label=label)
        _dress(axes)
        axes.axhline(0, color=_INK, lw=1)
        axes.set_xscale("log")
        axes.set_xticks(sorted(ticks), [str(bins) for bins in sorted(ticks)])
        axes.minorticks_off()
        axes.invert_xaxis()
        axes.set_xlabel("bins  (coarser steps to the right)")
        axes.set_ylabel("change in convergence rate")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -0.02), max(high, 0.02))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
        return _svg(figure)


def _lines(entries: Sequence[Entry]) -> dict[str, list[tuple[int, float]]]:
    """Points (bins, mean change over seeds) of each line, by what tells it from the others of its model."""
    gathered: dict[str, dict[int, list[float]]] = {}
    for entry in entries:
        config = entry.run.config
        if config.is_baseline() or math.isnan(entry.change) or config.bins is None:
            continue
        name = config.rule if config.model == "bats" else ("" if config.clock == "coarse" else config.clock)
        gathered.setdefault(name, {}).setdefault(config.bins, []).append(entry.change)
    return {
        name: sorted((bins, math.fsum(changes) / len(changes)) for bins, changes in points.items())
        for name, points in gathered.items()
    }


def _colours(entries: Sequence[Entry]) -> list[Any]:
    """Black for the baseline, then from blue to yellow as steps get coarser; the same colour at every seed."""
    bins = sorted({e.run.config.bins or 0 for e in entries if not e.run.config.is_baseline()}, reverse=True)
    scale = matplotlib.colormaps["plasma"]
    shades = {count: scale(0.1 + 0.75 * i / max(1, len(bins) - 1)) for i, count in enumerate(bins)}
    return [_INK if e.run.config.is_baseline() else shades[e.run.config.bins or 0] for e in entries]


def _label(entry: Entry) -> str:
    config = entry.run.config
    seed = f", seed {config.seed}" if config.seed else ""
    return ("undiscretised" if config.is_baseline() else f"{config.bins} bins") + seed


def _dress(axes: Axes) -> None:
    axes.grid(color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
