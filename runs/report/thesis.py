"""The change in convergence rate that the thesis prints, and runs beside it.

Source: L. Chalakova, "Adapting unconstrained spiking neural networks to explore the effects of time discretization on
network properties", TU Delft, 2024, Table 3; the mean of three runs of each network, 15 epochs, against the
undiscretised one. Its numbers come from its published code, which is not what its text describes (EQUATIONS A.3, A.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runs.comparison import Entry
from runs.estimate import Estimate

SOURCE = (
    "L. Chalakova, Adapting unconstrained spiking neural networks to explore the effects of time discretization on "
    "network properties, TU Delft, 2024, Table 3 (3 runs each, 15 epochs)"
)
PUBLISHED: dict[str, dict[int, float]] = {
    "slayer": {150: -0.0067, 75: -0.0860, 50: -0.1924, 37: -0.7071, 30: -0.8970},
    "bats": {150: 0.4386, 75: 0.1477, 50: -0.0027, 37: -0.0041, 30: -0.0605},
}
_NEAR = 0.04  # 300 steps cannot be cut into 37 bins: 38 of 8 steps stand for them
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
    """Whether the published number lies within the 95 % interval or apart from it; "" where there is none."""
    if not measured.margin >= 0:
        return ""
    return "within" if abs(measured.mean - published) <= measured.margin else "apart"
