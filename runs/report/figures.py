"""The figures of learning and of cost, one panel each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runs.comparison import Entry
from runs.estimate import Estimate, estimate
from runs.report.columns import operations_a_second
from runs.report.drawing import Axis, Panel, count_axis, log_axis, share_axis
from runs.report.drawing.colours import kind_colour
from runs.report.sections import Section
from runs.report.steps import Steps, coarseness, name
from runs.report.thesis import Table3
from runs.report.wording import percent, spread

_DOTTED = 20  # epochs up to which each has a dot
_LEAST_CHANGE = 0.005  # the axis of changes goes at least so far to both sides, lest nothing looks like much
_LETTER = 6.0


@dataclass(frozen=True)
class Drawn:
    """A figure: the name of its file, its SVG, and what it shows where it cannot be seen."""

    key: str
    svg: str
    alt: str


def curves(section: Section, steps: Steps, metrics: Sequence[str] = ("train_accuracy", "test_accuracy")) -> list[Drawn]:
    """Accuracy against epochs, a panel for each metric and way to take a step.

    Lines are means over seeds, bands their 95 % intervals; one colour a step.
    """
    references = [entry for entry in section.entries if entry.is_reference]
    ways = section.variants() or [""]
    everything = [v for entry in section.entries for m in metrics for seed in entry.curves(m) for v in seed]
    axis = share_axis(everything, "accuracy")
    found = []
    for place, way in enumerate(ways):
        lines = [*references, *(e for e in section.discretised if section.variant(e) == way)]
        for metric in metrics:
            what = metric.replace("train_accuracy", "training set").replace("test_accuracy", "test set")
            title = f"{what}, {way}" if len(ways) > 1 else what
            alt = f"{section.title}: accuracy on the {title} against epochs, by step"
            svg = _curves(lines, metric, steps, axis, title, alt)
            found.append(Drawn(f"{section.key}-{metric.split('_')[0]}{f'-{place + 1}' if place else ''}", svg, alt))
    return found


def _curves(lines: Sequence[Entry], metric: str, steps: Steps, axis: Axis, title: str, alt: str) -> str:
    last = max(entry.epochs for entry in lines)
    names = [name(entry) for entry in lines]
    right = 10 + _LETTER * max(map(len, names)) + 4
    panel = Panel(count_axis(last, "epoch"), axis, title=title, description=alt, right=right)
    for entry, told in zip(lines, names, strict=True):
        colour, epochs = steps.colour(entry.config), range(1, entry.epochs + 1)
        each = [estimate(values) for values in zip(*entry.curves(metric), strict=True)]
        low, high = ([max(0.0, min(1.0, e.mean + sign * e.margin)) for e in each] for sign in (-1, 1))
        panel.band(epochs, low, high, colour)
        means = [(float(epoch), e.mean) for epoch, e in zip(epochs, each, strict=True)]
        panel.line(means, colour, width=2.6 if entry.is_reference else 1.7, told=told)
        if entry.epochs <= _DOTTED:
            panel.dots(means, colour, radius=1.9)
        panel.label(means[-1][1], told, colour)
    return panel.svg()


def change_panels(model: str, sections: Sequence[Section], table: Table3 | None) -> list[Drawn]:
    """Change in convergence rate, and the rate itself, against the bins (or the step of clocked networks).

    One line a section and way to take a step, with 95 % intervals; the published changes as hollow dots.
    """
    lines = _lines(sections, lambda e: e.change)
    if not lines:
        return []
    published = dict(table.published) if table is not None else {}
    axis = _step_axis([e for _, entries, _ in lines for e in entries], published)
    drawn = []
    measured = [v for _, entries, _ in lines for e in entries for v in _ends(e.change)]
    spans = [("change", [*measured, *published.values()], published)]
    if published and _width(measured) < 0.4 * _width([*measured, *published.values()]):
        spans.append(("change-near", measured, {}))
    for key, values, shown in spans:
        title = "change in convergence rate" + (", measured alone" if key == "change-near" else "")
        alt = f"{model}: {title} against {axis.label}"
        ends = [*values, -_LEAST_CHANGE, _LEAST_CHANGE]
        panel = _against_step(
            lines, lambda e: e.change, axis, share_axis(ends, "against undiscretised"), title, alt, True
        )
        panel.level(0)
        if shown:
            points = [(float(n), v) for n, v in sorted(shown.items())]
            panel.line(points, "var(--soft)", dash="3 3", width=1.3)
            for x, y in points:
                panel.dots(
                    [(x, y)],
                    "var(--soft)",
                    hollow=True,
                    told=f"published, {x:g} bins: {percent(y, signed=True, digits=2)}",
                )
            panel.label(points[0][1], "published", "var(--soft)")
        drawn.append(Drawn(f"{key}-{model}", panel.svg(), alt))
    rates = _lines(sections, lambda e: e.normalised_rate)
    levels = [s.reference for s in sections if s.reference is not None]
    values = [v for _, entries, _ in rates for e in entries for v in _ends(e.normalised_rate)]
    values += [e.normalised_rate.mean for e in levels]
    alt = f"{model}: convergence rate an epoch against {axis.label}"
    title = "convergence rate, an epoch"
    panel = _against_step(
        rates, lambda e: e.normalised_rate, axis, share_axis(values, "mean accuracy"), title, alt, False
    )
    for entry in {id(e): e for e in levels if not math.isnan(e.normalised_rate.mean)}.values():
        panel.level(entry.normalised_rate.mean, "var(--base)", dash="5 3")
        panel.label(entry.normalised_rate.mean, "exact" if entry.config.dt is None else name(entry), "var(--base)")
    return [*drawn, Drawn(f"rate-{model}", panel.svg(), alt)]


def cost_panels(model: str, sections: Sequence[Section], steps: Steps) -> list[Drawn]:
    """Test accuracy against what a test sample, or a second of simulated time, costs."""
    kinds: list[tuple[str, str, Callable[[Entry], float]]] = [
        ("operations", "synaptic operations an inference", lambda e: e.last("test_synaptic_operations").mean),
        ("operations-second", "synaptic operations a simulated second", operations_a_second),
        ("updates", "neuron updates an inference", lambda e: e.last("test_neuron_updates").mean),
    ]
    found = []
    for key, what, cost in kinds:
        parts = [(s, [e for e in s.entries if cost(e) > 0]) for s in sections]
        costs = [cost(e) for _, entries in parts for e in entries]
        if len(set(costs)) < 2:
            continue
        tests = [v for _, entries in parts for e in entries for v in _ends(e.last("test_accuracy"))]
        alt = f"{model}: test accuracy against {what}, by step"
        several = sum(bool(entries) for _, entries in parts) > 1
        axis = share_axis(tests, "test accuracy")
        panel = Panel(log_axis(costs, what), axis, description=alt, right=10 + _LETTER * _longest(parts, several))
        for place, (section, entries) in enumerate(parts):
            if not entries:
                continue
            line = kind_colour(place) if several else "var(--line)"
            for way in section.variants() or [""]:
                ours = [e for e in entries if e.is_reference or section.variant(e) == way]
                points = [(cost(e), e.last("test_accuracy").mean) for e in ours]
                panel.line(points, line, width=1.2)
            for e in entries:
                test = e.last("test_accuracy")
                panel.bar(cost(e), test.mean - test.margin, test.mean + test.margin, steps.colour(e.config))
                told = f"{section.name}, {name(e)}: {spread(test)}"
                panel.dots([(cost(e), test.mean)], steps.colour(e.config), radius=4, told=told)
            if several:
                panel.label(entries[-1].last("test_accuracy").mean, section.name[:24], line)
        found.append(Drawn(f"cost-{key}-{model}", panel.svg(), alt))
    return found


def _longest(parts: Sequence[tuple[Section, list[Entry]]], several: bool) -> int:
    return min(24, max(len(section.name) for section, entries in parts if entries)) if several else 0


_Line = tuple[str, list[Entry], str]


def _lines(sections: Sequence[Section], value: Callable[[Entry], Estimate]) -> list[_Line]:
    """Name, entries and colour of each section and way to take a step that has anything to show."""
    found: list[_Line] = []
    for section in sections:
        ways = section.variants()
        for way in ways:
            ours = [e for e in section.discretised if section.variant(e) == way and not math.isnan(value(e).mean)]
            ours = [e for e in ours if e.pairs]
            alone = len(sections) == 1
            told = way if alone and len(ways) > 1 else section.name if len(ways) == 1 else f"{section.name}, {way}"
            if ours:
                found.append((told, sorted(ours, key=lambda e: coarseness(e.config)), kind_colour(len(found))))
    return found


def _against_step(
    lines: Sequence[_Line],
    value: Callable[[Entry], Estimate],
    x: Axis,
    y: Axis,
    title: str,
    alt: str,
    signed: bool,
) -> Panel:
    longest = max([*(len(told[:24]) for told, _, _ in lines), 9])
    panel = Panel(x, y, title=title, description=alt, width=380, height=250, right=12 + _LETTER * longest)
    for place, (told, entries, colour) in enumerate(lines):
        beside = 1.02 ** (place - (len(lines) - 1) / 2)
        points = [(coarseness(e.config) * beside, value(e)) for e in entries]
        panel.line([(at, v.mean) for at, v in points], colour)
        for entry, (at, v) in zip(entries, points, strict=True):
            panel.bar(at, v.mean - v.margin, v.mean + v.margin, colour)
            panel.dots([(at, v.mean)], colour, told=f"{told}, {name(entry)}: {spread(v, signed=signed)}")
        coarse = entries[-1] if entries[0].config.model == "clocked" else entries[0]
        panel.label(value(coarse).mean, told[:24], colour)
    return panel


def _step_axis(entries: Sequence[Entry], published: dict[int, float]) -> Axis:
    """Coarse steps to the right."""
    clocked = entries[0].config.model == "clocked"
    lengths = sorted({coarseness(entry.config) for entry in entries} | {float(n) for n in published})
    ticks: list[tuple[float, str]] = []
    for length in lengths:  # two that would touch have one tick
        if not ticks or length / ticks[-1][0] > 1.1:
            ticks.append((length, f"{length:g}"))
    axis = log_axis(lengths, "step [ms]" if clocked else "bins (coarser to the right)", at=ticks)
    return axis if clocked else Axis(axis.high, axis.low, axis.ticks, axis.label, log=True)


def _ends(value: Estimate) -> list[float]:
    """The mean and, where there is an interval that is not far wider than anything else, its ends."""
    return [value.mean, *([value.mean - value.margin, value.mean + value.margin] if value.margin < 0.3 else [])]


def _width(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return max(known) - min(known) if known else 0.0
