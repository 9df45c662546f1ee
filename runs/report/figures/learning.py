"""Accuracy against epochs, and how far each step is from the undiscretised network."""

from __future__ import annotations

from collections.abc import Sequence

from runs.comparison import Entry
from runs.estimate import Estimate, estimate
from runs.report.drawing import Axis, count_axis, one_panel, share_axis
from runs.report.figures.drawn import LETTER, Drawn, ends
from runs.report.sections import Section
from runs.report.steps import Steps, name

_DOTTED = 20  # epochs up to which each has a dot
_SEEDS = 3  # from which on an interval tells anything: that of two is 13 standard errors wide to either side
_METRICS = {"train_accuracy": "training set", "test_accuracy": "test set"}


def curves(section: Section, steps: Steps) -> list[Drawn]:
    """Accuracy on both sets, and that of the test set against the undiscretised one, for each way to take a step.

    Lines are means over seeds, bands their 95 % intervals where there are three seeds or more; differences are paired
    by seed, with the last epoch's interval. One colour a step.
    """
    reference = section.reference
    ways = section.variants() or [""]
    everything = [v for e in section.entries for metric in _METRICS for seed in e.curves(metric) for v in seed]
    axis = share_axis(everything, "accuracy")
    found = []
    for place, way in enumerate(ways):
        number = f"-{place + 1}" if place else ""
        ending = f", {way}" if len(ways) > 1 else ""
        steps_taken = [entry for entry in section.discretised if section.variant(entry) == way]
        shown = [*([reference] if reference is not None else []), *steps_taken]
        for metric, what in _METRICS.items():
            told = [(entry, [estimate(v) for v in zip(*entry.curves(metric), strict=True)]) for entry in shown]
            alt = f"{section.title}: accuracy on the {what} against epochs, by step{ending}"
            key = f"{section.key}-{metric.split('_')[0]}{number}"
            found.append(_curves(key, told, steps, axis, what + ending, alt))
        apart = [(entry, differences(entry, "test_accuracy")) for entry in steps_taken if entry.pairs]
        if apart:
            values = [v.mean for _, each in apart for v in each]
            values += [v for _, each in apart if each[-1].n >= _SEEDS for v in ends(each[-1], 0.05)]
            y = share_axis([*values, 0.0], "points of accuracy")
            alt = f"{section.title}: test accuracy less the baseline's, by step{ending}"
            title = f"test set, less the baseline{ending}"
            found.append(_curves(f"{section.key}-apart{number}", apart, steps, y, title, alt, level=0.0))
    return found


def differences(entry: Entry, metric: str) -> list[Estimate]:
    """A metric less the baseline's, epoch by epoch over the epochs that all pairs have; paired by seed."""
    epochs = min(len(run.rows) for pair in entry.pairs for run in pair)
    both = [[run.series(metric)[:epochs] for run in pair] for pair in entry.pairs]
    apart = [[a - b for a, b in zip(*pair, strict=True)] for pair in both]
    return [estimate(values) for values in zip(*apart, strict=True)]


def _curves(
    key: str,
    lines: Sequence[tuple[Entry, list[Estimate]]],
    steps: Steps,
    axis: Axis,
    title: str,
    alt: str,
    level: float | None = None,
) -> Drawn:
    names = [name(entry) for entry, _ in lines]
    right = 12 + LETTER * max(map(len, names))
    last = max(len(each) for _, each in lines)
    drawn = one_panel(count_axis(last, "epoch"), axis, title=title, right=right)
    if level is not None:
        drawn.level(level)
    for place, ((entry, each), told) in enumerate(zip(lines, names, strict=True)):
        colour, epochs = steps.colour(entry.config), [float(n + 1) for n in range(len(each))]
        if level is None and each[-1].n >= _SEEDS:
            low, high = ([min(1.0, max(0.0, e.mean + sign * e.margin)) for e in each] for sign in (-1, 1))
            drawn.band(epochs, low, high, colour)
        means = [(epoch, e.mean) for epoch, e in zip(epochs, each, strict=True)]
        drawn.line(means, colour, width=2.6 if entry.is_reference else 1.7, told=told)
        if len(each) <= _DOTTED:
            drawn.dots(means, colour, radius=1.9)
        if level is not None and each[-1].n >= _SEEDS:
            beside = (place - (len(lines) - 1) / 2) * 0.012 * last
            drawn.bar(epochs[-1] + beside, each[-1].mean - each[-1].margin, each[-1].mean + each[-1].margin, colour)
        drawn.label(means[-1][1], told, colour)
    return Drawn(key, drawn.svg(key, alt), alt)
