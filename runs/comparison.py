"""Runs side by side: each discretised run against the undiscretised one that differs from it in the step alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runs.config import AnyConfig
from runs.convergence import convergence_rate, relative_change
from runs.directory import Row, find_runs, read_config, read_rows

_ABOUT_THE_STEP = {
    "dt", "bins", "rule", "grid_inputs",
    "clock", "scheme", "reset", "gain", "between", "saturate",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its directory holds it."""

    path: Path
    config: AnyConfig
    rows: list[Row]

    @property
    def finished(self) -> bool:
        """Whether all epochs are there."""
        return len(self.rows) >= self.config.epochs

    def series(self, name: str) -> list[float]:
        """One metric, epoch by epoch."""
        return [float(row[name]) for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the table: a run, its convergence rate, and the change against its baseline (nan: unknown).

    The baseline is the undiscretised run that shares all settings but the step; None where there is none.
    """

    run: Run
    rate: float
    change: float
    baseline: Run | None


def read_runs(*paths: Path) -> list[Run]:
    """Every run at or below the paths that has at least one epoch."""
    runs = [Run(path=path, config=read_config(path), rows=read_rows(path)) for path in find_runs(*paths)]
    return [run for run in runs if run.rows]


def compare(runs: Iterable[Run]) -> list[Entry]:
    """The table: models in order, the baseline first, then from many bins to few.

    The change is that of the epochs both runs have, so that a run in progress is compared fairly.
    """
    entries = []
    runs = list(runs)
    baselines = {_group(run.config): run for run in runs if run.config.is_baseline()}
    for run in runs:
        accuracy = run.series("train_accuracy")
        baseline = baselines.get(_group(run.config))
        change = math.nan
        if baseline is not None:
            both = min(len(run.rows), len(baseline.rows))
            reference = baseline.series("train_accuracy")[:both]
            change = relative_change(convergence_rate(accuracy[:both]), convergence_rate(reference))
        entries.append(Entry(run=run, rate=convergence_rate(accuracy), change=change, baseline=baseline))
    return sorted(entries, key=_order)


def _group(config: AnyConfig) -> tuple[tuple[str, object], ...]:
    """What a run and its baseline share."""
    kept = ((name, value) for name, value in config.identity().items() if name not in _ABOUT_THE_STEP)
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in kept)


def _order(entry: Entry) -> tuple[bool, bool, float, str, int]:
    config = entry.run.config
    bins = math.inf if config.bins is None else config.bins
    return (config.model != "slayer", not config.is_baseline(), -bins, entry.run.path.name, config.seed)
