"""The figures of a report, as SVG text."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from runs.comparison import Entry
from runs.estimate import Estimate
from runs.report.content import Section
from runs.report.wording import variant

_INK, _GRID = "#1f2933", "#e4e7eb"
_ORANGE = "#c2410c"
_BLUES = ("#1d4ed8", "#0f766e", "#7c3aed", "#be185d", "#4d7c0f")
_LINES = ("-", "--", ":", "-.")
_MARKED = 20  # epochs up to which each has a marker
_LEGEND, _HANDLE = 58, 6  # letters that a figure is wide, and that the line before a name takes
_LEAST_CHANGE = 0.005  # the axis of changes goes at least so far to both sides, lest nothing looks like much
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


def accuracy_curves(section: Section, metric: str) -> str:
    """One accuracy ("train_accuracy" or "test_accuracy") of a section's runs against epochs.

    A line is the mean over seeds, the band goes from the lowest to the highest of them; one colour a step, one kind
    of line a variant of it.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.0, 3.3), layout="constrained")
        axes = figure.subplots()
        variants = _variants(section)
        for entry, colour in zip(section.entries, _colours(section.entries), strict=True):
            seeds = entry.curves(metric)
            epochs = range(1, entry.epochs + 1)
            baseline = entry.config.is_baseline()
            line = "-" if baseline else _LINES[variants.index(_variant(section, entry)) % len(_LINES)]
            mean = [math.fsum(values) / len(values) for values in zip(*seeds, strict=True)]
            marker = "o" if entry.epochs <= _MARKED else ""
            axes.plot(epochs, mean, line, marker=marker, color=colour, lw=2.2 if baseline else 1.5, ms=3)
            if len(seeds) > 1:
                low, high = ([pick(values) for values in zip(*seeds, strict=True)] for pick in (min, max))
                axes.fill_between(epochs, low, high, color=colour, alpha=0.15, lw=0)
        _dress(axes)
        names = ("train_accuracy", "test_accuracy")
        both = [value for e in section.entries for name in names for seed in e.curves(name) for value in seed]
        margin = 0.05 * max(0.02, max(both) - min(both))
        axes.set_ylim(min(both) - margin, max(both) + margin)
        axes.set_title({"train_accuracy": "training set", "test_accuracy": "test set"}[metric], fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylabel("accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        _in_percent(axes)
        if section.discretised:
            handles = _legend(section, variants)
            columns = max(1, _LEGEND // max(len(str(handle.get_label())) + _HANDLE for handle in handles))
            figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)
        return _svg(figure)


def convergence_plot(sections: Sequence[Section]) -> str | None:
    """Change in convergence rate against bins, one line a section and variant, with 95 % intervals; None: no change."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 2.9), layout="constrained")
        axes = figure.subplots()
        ticks: set[int] = set()
        lines = [line for section in sections for line in _lines(section)]
        if not lines:
            return None
        for i, (section, name, points) in enumerate(lines):
            ticks |= {bins for bins, _ in points}
            beside = 1.03 ** (i - (len(lines) - 1) / 2) if any(e.margin >= 0 for _, e in points) else 1.0
            axes.errorbar(
                [bins * beside for bins, _ in points],
                [change.mean for _, change in points],
                [0.0 if math.isnan(change.margin) else change.margin for _, change in points],
                fmt="os^Dv"[i % 5] + _LINES[_variants(section).index(name) % len(_LINES)],
                color=_colour([other for other, _, _ in lines], section, name),
                lw=1.8, ms=5, elinewidth=1.2, capsize=2.5,
                label=_title([other for other, _, _ in lines], section, name),
            )  # fmt: skip
        _dress(axes)
        axes.axhline(0, color=_INK, lw=1)
        axes.set_xscale("log")
        axes.set_xticks(sorted(ticks), [str(bins) for bins in sorted(ticks)])
        axes.minorticks_off()
        axes.set_xlim(max(ticks) * 1.15, min(ticks) / 1.15)
        axes.set_xlabel("bins  (coarser steps to the right)")
        axes.set_ylabel("change in convergence rate")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -_LEAST_CHANGE), max(high, _LEAST_CHANGE))
        _in_percent(axes)
        handles, labels = axes.get_legend_handles_labels()
        if max(map(len, labels)) > _LEGEND / 2:  # below the axes, which would have no room left beside it
            figure.set_size_inches(5.2, 2.9 + 0.17 * len(labels))
            figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=7)
        else:
            axes.legend(frameon=False, fontsize=8.5)
        return _svg(figure)


def _lines(section: Section) -> list[tuple[Section, str, list[tuple[int, Estimate]]]]:
    """Points (bins, change) of each variant of the step."""
    gathered: dict[str, list[tuple[int, Estimate]]] = {}
    for entry in section.entries:
        if not entry.config.is_baseline() and entry.config.bins is not None and not math.isnan(entry.change.mean):
            gathered.setdefault(_variant(section, entry), []).append((entry.config.bins, entry.change))
    return [(section, name, sorted(points, key=lambda point: point[0])) for name, points in gathered.items()]


def _variant(section: Section, entry: Entry) -> str:
    return variant(entry.config, section.varying)


def _variants(section: Section) -> list[str]:
    return list(dict.fromkeys(_variant(section, e) for e in section.entries if not e.config.is_baseline()))


def _title(sections: Sequence[Section], section: Section, name: str) -> str:
    """What tells a line from the others: its model, or the whole title where a model has several sections."""
    model = section.title.partition(" ")[0]
    titles = {other.title for other in sections if other.title.startswith(model)}
    told = model if len(titles) == 1 else section.title
    return f"{told} ({name})" if name else told


def _colour(sections: Sequence[Section], section: Section, name: str) -> str:
    """SLAYER is orange; BATS has a colour for each section or, where there is one only, for each variant."""
    if section.entries[0].config.model == "slayer":
        return _ORANGE
    keys = list(dict.fromkeys(other.key for other in sections if other.entries[0].config.model != "slayer"))
    place = keys.index(section.key) if len(keys) > 1 else _variants(section).index(name)
    return _BLUES[place % len(_BLUES)]


def _colours(entries: Sequence[Entry]) -> list[Any]:
    """Black for the baseline, then from blue to yellow as steps get coarser."""
    shades = _shades(entries)
    return [_INK if entry.config.is_baseline() else shades[entry.config.bins or 0] for entry in entries]


def _shades(entries: Sequence[Entry]) -> dict[int, Any]:
    bins = sorted({e.config.bins or 0 for e in entries if not e.config.is_baseline()}, reverse=True)
    scale = matplotlib.colormaps["plasma"]
    return {count: scale(0.1 + 0.75 * i / max(1, len(bins) - 1)) for i, count in enumerate(bins)}


def _legend(section: Section, variants: list[str]) -> list[Line2D]:
    """The colours of the steps and, where there are several, the lines of their variants."""
    handles = []
    if any(entry.config.is_baseline() for entry in section.entries):
        handles.append(Line2D([], [], color=_INK, lw=2.2, label="undiscretised"))
    shades = _shades(section.entries)
    handles += [Line2D([], [], color=colour, lw=1.5, label=f"{bins} bins") for bins, colour in shades.items()]
    if len(variants) > 1:
        styles = zip(variants, itertools.cycle(_LINES))
        handles += [Line2D([], [], color="#7b8794", lw=1.5, ls=style, label=name) for name, style in styles]
    return handles


def _dress(axes: Axes) -> None:
    axes.grid(color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _in_percent(axes: Axes) -> None:
    """Ticks with as many digits as tell them from each other; the limits are set before."""
    locator = MaxNLocator(nbins=8, steps=[1, 2, 5, 10])
    first, second, *_ = locator.tick_values(*axes.get_ylim())
    decimals = max(0, math.ceil(-math.log10(100 * (second - first)) - 1e-6))
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals))


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
