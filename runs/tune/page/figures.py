"""Accuracy against what it costs, and against the step by each rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

from runs.plot_style import GRID, INK
from runs.report.drawing.scales import short
from runs.report.drawing.themed import ALARM, KINDS, MARK, PAPER, SOFT, THEMED, themed
from runs.report.figures import Drawn
from runs.tune.page.front import front

_SIZE = (4.1, 3.2)  # inches: as wide as a phone at the size at which text is read
_DASHES = ("-", "--", ":")
_TICKS = 3  # at least, on the axis of costs
_ASIDE = 1.02  # of two networks of a step, which cost about the same, the trained one is drawn a little to the right
_DEEPEST = 0.15  # below the accuracy as trained: what lies lower stands on the edge, or nobody could see the tolerance


@dataclass(frozen=True)
class Point:
    """A network at a step.

    Args:
        label: of the step.
        cost: of an inference, > 0.
        accuracy: a share; low, high: ends of its interval (nan, nan without one).
        kind: ``baseline``, ``chosen`` or ``other``.
        tuned: whether it was trained further.
    """

    label: str
    cost: float
    accuracy: float
    low: float
    high: float
    kind: str
    tuned: bool


@dataclass(frozen=True)
class Curve:
    """A rule's accuracy by step: dts, shares, and how many samples each share is of."""

    name: str
    dts: list[int]
    shares: list[float]
    samples: list[int]


def pareto(key: str, what: str, points: Sequence[Point], trained: float, tolerance: float) -> Drawn:
    """Accuracy against a cost on a logarithmic axis, each step labelled, with the front.

    Args:
        key: of the figure's file.
        what: the cost, in words.
        trained: accuracy of the network as it was trained.
        tolerance: the loss of it that is accepted.
    """
    description = f"Accuracy against {what}: " + "; ".join(
        f"{point.label}{' fine-tuned' if point.tuned else ''} {point.accuracy:.1%} at {short(point.cost)}"
        for point in points
    )
    floor, deepest = trained - tolerance, trained - max(_DEEPEST, 2 * tolerance)
    with matplotlib.rc_context(THEMED):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        widest = max(point.cost for point in points) / min(point.cost for point in points)
        aside = [(_ASIDE * widest**0.02 if point.tuned else 1.0) * point.cost for point in points]
        ahead = front([(point.cost, point.accuracy) for point in points])
        axes.plot([aside[i] for i in ahead], [points[i].accuracy for i in ahead], color=SOFT, lw=1, zorder=1)
        axes.axhline(floor, color=ALARM, lw=1, ls="--", zorder=1)
        _name_level(axes, floor, "tolerance", ALARM)
        inside = [point.accuracy >= deepest for point in points]
        seen = [
            floor,
            trained,
            *(end for point, there in zip(points, inside, strict=True) if there for end in _ends(point)),
        ]
        room = 0.14 * (max(seen) - min(seen))
        axes.set_ylim(min(seen) - room, max(seen) + room)
        for place, point, there in zip(aside, points, inside, strict=True):
            (_draw if there else _draw_below)(axes, place, point)
        _cost_axis(axes, [point.cost for point in points])
        axes.set_xlabel(what)
        _dress(axes)
        return Drawn(key, themed(figure, key, description), description)


def by_rule(curves: Sequence[Curve], baseline: float | None) -> Drawn:
    """Zero-shot accuracy of each rule by step; a hollow mark where the rule left the race after fewer samples.

    Args:
        baseline: accuracy at dt 1 of the same samples, if known.
    """
    dts = sorted({dt for curve in curves for dt in curve.dts})
    description = "Zero-shot accuracy by rule: " + "; ".join(
        f"{curve.name} {', '.join(f'{v:.1%} at dt {dt}' for dt, v in zip(curve.dts, curve.shares, strict=True))}"
        for curve in curves
    )
    most = {dt: max(n for c in curves for d, n in zip(c.dts, c.samples, strict=True) if d == dt) for dt in dts}
    with matplotlib.rc_context(THEMED):
        rows = -(-len(curves) // 2)
        figure = Figure(figsize=(_SIZE[0], _SIZE[1] + 0.17 * rows), layout="constrained")
        axes = figure.subplots()
        if baseline is not None:
            axes.axhline(baseline, color=INK, lw=1.2, ls="--")
            _name_level(axes, baseline, "dt 1", INK)
        for place, curve in enumerate(curves):
            colour, dash = KINDS[place % len(KINDS)], _DASHES[place // len(KINDS) % len(_DASHES)]
            axes.plot(curve.dts, curve.shares, color=colour, ls=dash, lw=1.4, label=curve.name)
            for dt, share, n in zip(curve.dts, curve.shares, curve.samples, strict=True):
                axes.plot(dt, share, "o", ms=5, color=colour, mfc=colour if n == most[dt] else PAPER)
        axes.set_xscale("log", base=2)
        axes.set_xticks(dts, [str(dt) for dt in dts])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
        axes.set_xlabel("dt [fine steps]")
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8, labelcolor=INK)
        _dress(axes)
        return Drawn("rules", themed(figure, "rules", description), description)


def _ends(point: Point) -> tuple[float, float]:
    """Of the interval, or the accuracy itself where there is none."""
    known = math.isfinite(point.low) and math.isfinite(point.high)
    return (point.low, point.high) if known else (point.accuracy, point.accuracy)


def _draw(axes: Axes, place: float, point: Point) -> None:
    """The mark, its interval, and its name: above it where it was trained, else below."""
    colour = {"baseline": INK, "chosen": MARK}.get(point.kind, SOFT)
    low, high = _ends(point)
    axes.plot([place, place], [low, high], color=colour, lw=1.2, zorder=2)
    axes.plot(place, point.accuracy, "D" if point.tuned else "o", ms=6, zorder=3, color=colour, mew=1.5,
              mfc=PAPER if point.tuned else colour)  # fmt: skip
    above = point.tuned or point.kind == "baseline"
    weight = "bold" if point.kind == "chosen" else "normal"
    _name(axes, point.label, place, max(high, point.accuracy) if above else min(low, point.accuracy),
          6 if above else -6, colour, weight)  # fmt: skip


def _draw_below(axes: Axes, place: float, point: Point) -> None:
    """An arrow at the lower edge and the accuracy, of what lies too deep to be drawn where it is."""
    edge = axes.get_ylim()[0]
    axes.plot(place, edge, "v", ms=6, color=SOFT, mfc=PAPER if point.tuned else SOFT, clip_on=False)
    _name(axes, f"{point.label}: {point.accuracy:.0%}", place, edge, 18 if point.tuned else 6, SOFT)


def _name(axes: Axes, text: str, x: float, y: float, up: float, colour: str, weight: str = "normal") -> None:
    """Words a few points above or below a place."""
    axes.annotate(text, (x, y), xytext=(0, up), textcoords="offset points", ha="center", fontsize=8.5, color=colour,
                  va="bottom" if up > 0 else "top", fontweight=weight)  # fmt: skip


def _name_level(axes: Axes, level: float, text: str, colour: str) -> None:
    """Words below a line from side to side, at its right end."""
    axes.annotate(text, (1, level), xycoords=("axes fraction", "data"), xytext=(-2, -3), textcoords="offset points",
                  ha="right", va="top", color=colour, fontsize=8)  # fmt: skip


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    axes.set_xscale("log")
    low, high = min(costs), max(costs)
    axes.set_xlim(low / 1.6, high * 1.6)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for mantissas in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [mantissa * 10.0**power for power in powers for mantissa in mantissas]
        shown = [tick for tick in ticks if low / 1.6 <= tick <= high * 1.6]
        if len(shown) >= _TICKS:
            break
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.minorticks_off()


def _dress(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.set_ylabel("accuracy")
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
