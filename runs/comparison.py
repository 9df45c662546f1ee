"""Runs side by side: the seeds of a configuration together, against the undiscretised one that differs in the step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.config import AnyConfig
from runs.convergence import convergence_rate, relative_change
from runs.directory import Row, find_runs, read_config, read_rows
from runs.estimate import Estimate, estimate

ABOUT_THE_STEP = (
    "dt", "bins", "rule", "grid_inputs", "published_pixels",
    "clock", "scheme", "reset", "gain", "between", "saturate",
)  # fmt: skip

Settings = tuple[tuple[str, object], ...]


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
        """One metric, epoch by epoch; nan where an epoch has none."""
        return [float(row.get(name, math.nan)) for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the table: the runs of one configuration, which differ in their seeds alone.

    pairs: each run with the undiscretised one of the same seed that shares all other settings, where there is one. Of
    several that differ in how a step would be taken, the one closest to the run is taken.
    """

    runs: tuple[Run, ...]
    pairs: tuple[tuple[Run, Run], ...]

    @property
    def config(self) -> AnyConfig:
        """The configuration, with the first run's seed."""
        return self.runs[0].config

    @property
    def epochs(self) -> int:
        """Epochs that all runs have."""
        return min(len(run.rows) for run in self.runs)

    @property
    def finished(self) -> bool:
        """Whether the runs have all their epochs."""
        return all(run.finished for run in self.runs)

    @property
    def rate(self) -> Estimate:
        """Convergence rate over the epochs that all runs have."""
        return estimate(convergence_rate(run.series("train_accuracy")[: self.epochs]) for run in self.runs)

    @property
    def change(self) -> Estimate:
        """Change of the convergence rate against the baseline, paired by seed, over the epochs that all pairs have."""
        epochs = min((len(run.rows) for pair in self.pairs for run in pair), default=0)
        return estimate(_change(run, baseline, epochs) for run, baseline in self.pairs)

    def last(self, name: str) -> Estimate:
        """A metric after the last epoch that all runs have."""
        return estimate(self.at_the_end(name))

    def at_the_end(self, name: str) -> list[float]:
        """A metric of each run after the last epoch that all have."""
        return [run.series(name)[self.epochs - 1] for run in self.runs]

    def curves(self, name: str) -> list[list[float]]:
        """A metric of each run, epoch by epoch, over the epochs that all have."""
        return [run.series(name)[: self.epochs] for run in self.runs]


def read_runs(*paths: Path) -> list[Run]:
    """Every run at or below the paths that has at least one epoch."""
    runs = [Run(path=path, config=read_config(path), rows=read_rows(path)) for path in find_runs(*paths)]
    return [run for run in runs if run.rows]


def compare(runs: Iterable[Run]) -> list[Entry]:
    """One entry a configuration: models in order, then groups, large ones first; in them the baseline, then many bins.

    Where some seeds of a configuration are finished, those in progress are left out; pairs with a baseline in progress
    likewise. Of two runs of the same configuration and seed the longer one is taken.
    """
    gathered: dict[Settings, dict[int, Run]] = {}
    baselines: dict[Settings, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (-len(run.rows), str(run.path))):
        gathered.setdefault(_configuration(run.config), {}).setdefault(run.config.seed, run)
        if run.config.is_baseline():
            baselines.setdefault(_settings(run.config, *ABOUT_THE_STEP), []).append(run)
    entries = []
    for seeds in gathered.values():
        several = [seeds[seed] for seed in sorted(seeds)]
        chosen = [run for run in several if run.finished] or several
        found = [(run, baselines.get(_settings(run.config, *ABOUT_THE_STEP), [])) for run in chosen]
        pairs = [(run, _closest(run, candidates)) for run, candidates in found if candidates]
        whole = [pair for pair in pairs if pair[1].finished] or pairs
        entries.append(Entry(runs=tuple(chosen), pairs=tuple(whole)))
    sizes = Counter(group(entry.config) for entry in entries)
    return sorted(entries, key=lambda entry: _order(entry, sizes[group(entry.config)]))


def group(config: AnyConfig) -> Settings:
    """What a run shares with those it is compared with: all settings but the step and the seed."""
    return _settings(config, "seed", *ABOUT_THE_STEP)


def _configuration(config: AnyConfig) -> Settings:
    """What the seeds of one configuration share; in exact time nothing about a step matters."""
    return group(config) if config.dt is None else _settings(config, "seed")


def _closest(run: Run, baselines: list[Run]) -> Run:
    """The first of the baselines with the fewest other ways to take a step."""

    def differing(baseline: Run) -> int:
        names = ABOUT_THE_STEP[2:]
        return sum(getattr(run.config, name, None) != getattr(baseline.config, name, None) for name in names)

    return min(baselines, key=differing)


def _settings(config: AnyConfig, *but: str) -> Settings:
    """The settings in a form that can be compared and hashed."""
    kept = ((name, value) for name, value in config.identity().items() if name not in but)
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in kept)


def _change(run: Run, baseline: Run, epochs: int) -> float:
    rates = (convergence_rate(one.series("train_accuracy")[:epochs]) for one in (run, baseline))
    return relative_change(*rates)


def _order(entry: Entry, size: int) -> tuple[Any, ...]:
    config = entry.config
    bins = math.inf if config.bins is None else config.bins
    step = [str(getattr(config, name, "")) for name in ABOUT_THE_STEP[2:]]
    return (config.model != "slayer", config.kind(), -size, str(group(config)), not config.is_baseline(), -bins, *step)
