"""The convergence rate and its change against the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from runs.comparison import Entry
from runs.estimate import Estimate
from runs.report.drawing import Axis, Panel, log_axis, one_panel, share_axis
from runs.report.figures.drawn import LETTER, NOTHING, Drawn, Line, cut, ends, lines_of
from runs.report.sections import Section
from runs.report.steps import coarseness, name
from runs.report.thesis import Table3
from runs.report.wording import percent, spread

_LEAST_CHANGE = 0.005  # the axis of changes goes at least so far to both sides, lest nothing looks like much
_NEAR = 0.4  # of the width with the thesis's numbers: narrower, the measured ones have a panel of their own
_APART = 0.03  # of the axis: levels that are closer share a label
_THESIS = "thesis"


def change_panels(model: str, sections: Sequence[Section], table: Table3 | None) -> list[Drawn]:
    """Change in convergence rate, and the rate itself, against the bins (or the step of clocked networks).

    One line a section and way to take a step, with 95 % intervals; the thesis's changes as hollow dots.
    """
    lines = lines_of(sections, lambda entry: entry.change)
    if not lines:
        return []
    printed = {} if table is None else table.published
    x = _step_axis([entry for line in lines for entry in line.entries], printed)
    measured = [v for line in lines for entry in line.entries for v in ends(entry.change)]
    together = [*measured, *printed.values()]
    drawn = [_changes(f"change-{model}", lines, x, together, printed, "change in convergence rate")]
    if printed and _width(measured) < _NEAR * _width(together):
        drawn.append(_changes(f"change-near-{model}", lines, x, measured, {}, "the measured changes alone"))
    return [*drawn, _rates(f"rate-{model}", sections, x)]


def _changes(
    key: str, lines: Sequence[Line], x: Axis, values: Sequence[float], printed: Mapping[int, float], title: str
) -> Drawn:
    alt = f"{key.rpartition('-')[2].upper()}: {title} against {x.label}"
    clocked = lines[0].entries[0].config.model == "clocked"
    label = f"against {'the finest step' if clocked else 'undiscretised'}"
    y = share_axis([*values, -_LEAST_CHANGE, _LEAST_CHANGE], label)
    drawn = _panel(lines, lambda entry: entry.change, x, y, title, signed=True)
    drawn.level(0)
    points = [(float(n), value) for n, value in sorted(printed.items())]
    drawn.line(points, "var(--soft)", dash=":", width=1.3)
    for n, value in points:
        told = f"{_THESIS}, {n:g} bins: {percent(value, signed=True, digits=2)}"
        drawn.dots([(n, value)], "var(--soft)", hollow=True, told=told)
    if points:
        drawn.label(points[0][1], _THESIS, "var(--soft)")
    return Drawn(key, drawn.svg(key, alt), alt)


def _rates(key: str, sections: Sequence[Section], x: Axis) -> Drawn:
    whole = [entry for section in sections for entry in section.comparable()]
    lines = lines_of(sections, lambda entry: entry.normalised_rate if entry in whole else NOTHING)
    references = {
        s.reference.runs[0].path: s.reference for s in sections if s.reference is not None and _known(s.reference)
    }
    values = [v for line in lines for entry in line.entries for v in ends(entry.normalised_rate)]
    values += [entry.normalised_rate.mean for entry in references.values()]
    alt = f"{key.rpartition('-')[2].upper()}: convergence rate an epoch against {x.label}"
    y = share_axis(values, "mean accuracy")
    drawn = _panel(lines, lambda entry: entry.normalised_rate, x, y, "convergence rate, an epoch")
    named: list[float] = []
    for entry in references.values():
        if entry.config.is_baseline():
            level, colour = entry.normalised_rate.mean, _owner(entry, lines) if len(references) > 1 else "var(--base)"
            drawn.level(level, colour, dash="--")
            if all(abs(y.place(level) - y.place(other)) > _APART for other in named):
                drawn.label(level, name(entry), colour)
                named.append(level)
        else:
            drawn.dots([(coarseness(entry.config), entry.normalised_rate.mean)], "var(--base)", told=name(entry))
    return Drawn(key, drawn.svg(key, alt), alt)


def _owner(reference: Entry, lines: Sequence[Line]) -> str:
    """The colour of the one line whose runs are compared with these; that of baselines where there are several."""
    runs = {run.path for run in reference.runs}
    found = {line.colour for line in lines if any(other.path in runs for e in line.entries for _, other in e.pairs)}
    return found.pop() if len(found) == 1 else "var(--base)"


def _known(entry: Entry) -> bool:
    return not math.isnan(entry.normalised_rate.mean)


def _panel(
    lines: Sequence[Line],
    value: Callable[[Entry], Estimate],
    x: Axis,
    y: Axis,
    title: str,
    *,
    signed: bool = False,
) -> Panel:
    longest = max([*(len(cut(line.name)) for line in lines), len(_THESIS)])
    drawn = one_panel(x, y, title=title, height=245, right=12 + LETTER * longest)
    for place, line in enumerate(lines):
        beside = 1.02 ** (place - (len(lines) - 1) / 2)
        points = [(coarseness(entry.config) * beside, value(entry)) for entry in line.entries]
        drawn.line([(at, v.mean) for at, v in points], line.colour)
        for entry, (at, v) in zip(line.entries, points, strict=True):
            drawn.bar(at, v.mean - v.margin, v.mean + v.margin, line.colour)
            drawn.dots([(at, v.mean)], line.colour, told=f"{line.name}, {name(entry)}: {spread(v, signed=signed)}")
        coarse = line.entries[-1 if line.entries[0].config.model == "clocked" else 0]
        drawn.label(value(coarse).mean, cut(line.name), line.colour)
    return drawn


def _step_axis(entries: Sequence[Entry], printed: Mapping[int, float]) -> Axis:
    """Coarse steps to the right."""
    clocked = entries[0].config.model == "clocked"
    lengths = sorted({coarseness(entry.config) for entry in entries} | {float(n) for n in printed})
    ticks: list[tuple[float, str]] = []
    for length in lengths:  # two that would touch have one tick
        if not ticks or length / ticks[-1][0] > 1.1:
            ticks.append((length, f"{length:g}"))
    axis = log_axis(lengths, "step [ms]" if clocked else "bins (coarser to the right)", at=ticks)
    return axis if clocked else Axis(axis.high, axis.low, axis.ticks, axis.label, log=True)


def _width(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return max(known) - min(known) if known else 0.0
