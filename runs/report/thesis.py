"""The change in convergence rate that the thesis prints, and runs beside it.

Source: L. Chalakova, "Adapting unconstrained spiking neural networks to explore the effects of time discretization on
network properties", TU Delft, 2024, Table 3; the mean of three runs of each network, 15 epochs, against the
undiscretised one. Its numbers come from its published code, which is not what its text describes (EQUATIONS A.3, A.7).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runs.comparison import Entry
from runs.estimate import Estimate
from runs.report.thesis_settings import differences
from runs.report.wording import listed, percent, spread

SOURCE = (
    "L. Chalakova, Adapting unconstrained spiking neural networks to explore the effects of time discretization on "
    "network properties, TU Delft, 2024, Table 3 (3 runs each, 15 epochs)"
)
PUBLISHED: dict[str, dict[int, float]] = {
    "slayer": {150: -0.0067, 75: -0.0860, 50: -0.1924, 37: -0.7071, 30: -0.8970},
    "bats": {150: 0.4386, 75: 0.1477, 50: -0.0027, 37: -0.0041, 30: -0.0605},
}
_NEAR = 0.04  # 300 steps cannot be cut into 37 bins: 38 of 8 steps stand for them
_SHOWN = 0.0005  # the least change that does not count as none
_SEEDS = 3  # that an interval to judge by needs
_FEWEST = 2  # published steps that must have been run for a table to be worth its place


@dataclass(frozen=True)
class Column:
    """One experiment: what it is called, and its entry at each published number of bins that it has."""

    name: str
    entries: dict[int, Entry]


@dataclass(frozen=True)
class Table3:
    """A model's published changes and the columns beside them."""

    model: str
    published: dict[int, float]
    columns: tuple[Column, ...]


def published_bins(entry: Entry) -> int | None:
    """The published number of bins that an entry answers to; None where there is none."""
    config = entry.config
    if config.model not in PUBLISHED or config.is_baseline() or config.bins is None:
        return None
    return next((n for n in PUBLISHED[config.model] if abs(config.bins / n - 1) <= _NEAR), None)


def table3(named: Sequence[tuple[str, Sequence[Entry]]]) -> list[Table3]:
    """One table a model, of lines of entries with the name that each has; models without enough are left out."""
    tables = []
    for model, published in PUBLISHED.items():
        columns = []
        for name, entries in named:
            known = {published_bins(e): e for e in entries if e.config.model == model and e.change.n}
            found = {n: entry for n, entry in known.items() if n is not None}
            if len(found) >= _FEWEST:
                columns.append(Column(name, found))
        if columns:
            tables.append(Table3(model, published, tuple(columns)))
    return tables


def verdict(measured: Estimate, published: float) -> str:
    """Whether the published number lies within the 95 % interval or apart from it; "" where there is none.

    Two seeds have none to speak of: Student's would hold nearly any number.
    """
    if measured.n < _SEEDS or math.isnan(measured.margin):
        return ""
    return "within" if abs(measured.mean - published) <= measured.margin else "apart"


def summary(table: Table3) -> str:
    """How many of a model's printed changes each experiment's intervals hold, and what these did otherwise."""
    return " ".join([_held(table), *_otherwise(table)])


def _otherwise(table: Table3) -> list[str]:
    """What experiments do otherwise than the thesis, those together that do the same."""
    alike: dict[str, list[str]] = {}
    for column in table.columns:
        texts = differences(list(column.entries.values()))
        if texts:
            alike.setdefault("; ".join(texts), []).append(column.name)
    return [f"Not as in the thesis ({', '.join(names)}): {text}." for text, names in alike.items()]


def _held(table: Table3) -> str:
    judged = [(column.name, _judged(table, column)) for column in table.columns]
    known = [(name, found) for name, found in judged if found]
    model = table.model.upper()
    if not known:
        return f"{model}: there is no interval yet that the thesis's changes could be judged by."
    told = listed([f"{sum(found.values())} of {len(found)} ({name})" for name, found in known])
    return f"{model}: of the changes that the thesis prints, the 95% intervals measured here hold {told}."


def details(table: Table3) -> list[str]:
    """How a model's printed changes compare, one sentence an experiment."""
    sentences = []
    for column in table.columns:
        entries = {n: entry for n, entry in column.entries.items() if entry.finished}
        within = _judged(table, column)
        if within:
            apart = [n for n, inside in within.items() if not inside]
            text = f"{column.name}: of {len(within)} printed changes {sum(within.values())} lie within the interval"
            if apart:
                n = max(apart, key=lambda n: abs(entries[n].change.mean - table.published[n]))
                text += (
                    f"; farthest apart are {n} bins, {percent(table.published[n], signed=True)} printed and "
                    f"{spread(entries[n].change, signed=True)} here"
                )
            sentences.append(text + ".")
        elif entries:
            same = sum(_sign(entry.change.mean) == _sign(table.published[n]) for n, entry in entries.items())
            sentences.append(
                f"{column.name}: the sign of the change is the printed one at {same} of {len(entries)} steps; with "
                f"fewer than {_SEEDS} seeds there is no interval to judge by."
            )
    notes = [e.config.note({"bins": n}) for column in table.columns for n, e in column.entries.items()]
    return sentences + [f"{note[:1].upper()}{note[1:]}." for note in dict.fromkeys(notes) if note is not None]


def _sign(change: float) -> int:
    """Of a change, to a tenth of a percent: one of 0.0% has none."""
    return 0 if abs(change) < _SHOWN else int(math.copysign(1, change))


def _judged(table: Table3, column: Column) -> dict[int, bool]:
    """Whether the interval holds the printed change, of the finished steps that have one."""
    found = {n: verdict(e.change, table.published[n]) for n, e in column.entries.items() if e.finished}
    return {n: word == "within" for n, word in found.items() if word}
