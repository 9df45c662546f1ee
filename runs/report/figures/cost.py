"""Accuracy against what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runs.comparison import Entry
from runs.report.drawing import log_axis, one_panel, share_axis
from runs.report.drawing.colours import kind_colour
from runs.report.figures.drawn import LETTER, Drawn, cut, ends
from runs.report.sections import Section
from runs.report.steps import Steps, name
from runs.report.wording import spread

Cost = Callable[[Entry], float]
_SAME = 1.001  # simulated times that differ by less are the same


def cost_panels(model: str, sections: Sequence[Section], steps: Steps) -> list[Drawn]:
    """Test accuracy against what a test sample costs and, where samples are not equally long, a simulated second."""
    kinds: dict[str, tuple[str, Cost]] = {
        "operations": ("synaptic operations an inference", lambda entry: entry.costs.operations),
        "second": ("synaptic operations a simulated second", lambda entry: entry.costs.operations_per_second),
        "updates": ("neuron updates an inference", lambda entry: entry.costs.neuron_updates),
    }
    entries = [entry for section in sections for entry in section.entries]
    if _alike([entry.costs.simulated_seconds for entry in entries]):
        del kinds["second"]
    if all(entry.costs.neuron_updates == entry.costs.operations for entry in entries):
        del kinds["updates"]  # of a network driven by events they are the same number
    found = [_panel(key, model, what, cost, sections, steps) for key, (what, cost) in kinds.items()]
    return [drawn for drawn in found if drawn is not None]


def _panel(kind: str, model: str, what: str, cost: Cost, sections: Sequence[Section], steps: Steps) -> Drawn | None:
    """None where there is nothing to put side by side."""
    parts = [(section, [entry for entry in section.comparable() if cost(entry) > 0]) for section in sections]
    parts = [(section, entries) for section, entries in parts if entries]
    costs = [cost(entry) for _, entries in parts for entry in entries]
    if len(set(costs)) < 2:
        return None
    several = len(parts) > 1
    alt = f"{model.upper()}: test accuracy against {what}, by step"
    tests = [v for _, entries in parts for entry in entries for v in ends(entry.last("test_accuracy"))]
    right = 12 + LETTER * (max(len(cut(section.name)) for section, _ in parts) if several else 0)
    drawn = one_panel(log_axis(costs, what), share_axis(tests, "test accuracy"), title=what, right=right, height=245)
    for place, (section, entries) in enumerate(parts):
        colour = kind_colour(place) if several else "var(--soft)"
        for way in section.variants() or [""]:
            ours = [entry for entry in entries if entry.is_reference or section.variant(entry) == way]
            drawn.line([(cost(entry), entry.last("test_accuracy").mean) for entry in ours], colour, width=1.2)
        for entry in entries:
            test, own = entry.last("test_accuracy"), steps.colour(entry.config)
            drawn.bar(cost(entry), test.mean - test.margin, test.mean + test.margin, own)
            told = f"{section.name}, {name(entry)}: {spread(test)}"
            drawn.dots([(cost(entry), test.mean)], own, radius=4, told=told)
        if several:
            drawn.label(entries[-1].last("test_accuracy").mean, cut(section.name), colour)
    key = f"cost-{kind}-{model}"
    return Drawn(key, drawn.svg(key, alt), alt)


def _alike(values: Sequence[float]) -> bool:
    known = [value for value in values if value > 0]
    return not known or max(known) <= _SAME * min(known)
