"""Runs side by side: the seeds of a configuration together, against the undiscretised one that differs in the step.

Runs on the same data belong together wherever the data lay, and runs on others never do (`Run.settings`).
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from runs.config import AnyConfig
from runs.convergence import convergence_rate, epochs_to, normalised_rate, relative_change
from runs.estimate import Estimate, Interval, Reached, bootstrap, estimate, middle
from runs.results.costs import Costs, costs_of
from runs.results.reading import Run, Settings, read_runs

__all__ = ["ABOUT_THE_STEP", "Entry", "Run", "compare", "read_runs"]

ABOUT_THE_STEP = (
    "dt", "bins", "rule", "grid_inputs", "published_pixels",
    "clock", "scheme", "reset", "gain", "between", "saturate",
    "mask", "prebinned", "binning", "rescale", "test_fine",
)  # fmt: skip
_SEED = frozenset(["seed"])
_STEP = frozenset(ABOUT_THE_STEP)
_STEP_AND_SEED = _STEP | _SEED
_LENGTH_AND_SEED = frozenset(["dt", "bins", "seed"])
_ALWAYS_DISCRETISED = ("clocked",)  # models without an undiscretised run: the finest step stands in for it

_Pairs = tuple[tuple[Run, Run], ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the table: the runs of one configuration, which differ in their seeds alone.

    pairs: each run with the baseline of the same seed that shares all other settings, where there is one: the
    undiscretised run or, of a model that has none, the one with the finest step. Of several that differ in how a step
    would be taken, the one closest to the run is taken. experiment: that of the sweep, "" for loose runs; a run that
    several experiments share is in an entry of each.
    """

    runs: tuple[Run, ...]
    pairs: _Pairs
    experiment: str = ""
    place: int = -1

    @property
    def config(self) -> AnyConfig:
        """The configuration, with the first run's seed."""
        return self.runs[0].config

    @functools.cached_property
    def group(self) -> tuple[str, Settings]:
        """What entries share that are compared with each other: the experiment, and all settings but step and seed."""
        return self.experiment, _but(self.runs[0].settings, _STEP_AND_SEED)

    @functools.cached_property
    def is_reference(self) -> bool:
        """Whether it is what others are compared with: undiscretised, or the finest step where nothing is."""
        return self.config.is_baseline() or (bool(self.pairs) and all(run is other for run, other in self.pairs))

    @functools.cached_property
    def epochs(self) -> int:
        """Epochs that all runs have."""
        return min(len(run.rows) for run in self.runs)

    @functools.cached_property
    def finished(self) -> bool:
        """Whether the runs have all their epochs."""
        return all(run.finished for run in self.runs)

    @functools.cached_property
    def rate(self) -> Estimate:
        """Convergence rate, as published: area under training accuracy, over the epochs that all runs have."""
        return estimate(self.rates())

    @functools.cached_property
    def test_rate(self) -> Estimate:
        """The same of test accuracy."""
        return estimate(self.rates("test_accuracy"))

    @functools.cached_property
    def normalised_rate(self) -> Estimate:
        """Convergence rate of training accuracy an interval between epochs, 0 to 1."""
        return estimate(map(normalised_rate, self.curves("train_accuracy")))

    @functools.cached_property
    def normalised_test_rate(self) -> Estimate:
        """The same of test accuracy."""
        return estimate(map(normalised_rate, self.curves("test_accuracy")))

    def rates(self, name: str = "train_accuracy") -> list[float]:
        """The convergence rate of each run, by training accuracy unless another metric is named."""
        return [convergence_rate(curve) for curve in self.curves(name)]

    @functools.cached_property
    def change(self) -> Estimate:
        """Change of the convergence rate against the baseline, paired by seed, over the epochs that all pairs have."""
        return estimate(self.changes())

    @functools.cached_property
    def median_change(self) -> float:
        """The median over the seeds of that change; nan without pairs."""
        return middle(self.changes())

    @functools.cached_property
    def bootstrap_change(self) -> Interval:
        """The bootstrap interval of that change's mean."""
        return bootstrap(self.changes())

    @functools.cached_property
    def test_change(self) -> Estimate:
        """Change of the convergence rate of test accuracy, paired as `change` is."""
        return estimate(self.changes("test_accuracy"))

    def changes(self, name: str = "train_accuracy") -> list[float]:
        """The change of each pair, (CR - CR of its baseline) / CR of its baseline."""
        if name not in self._changes:
            epochs = min((len(run.rows) for pair in self.pairs for run in pair), default=0)
            rates = [[convergence_rate(run.series(name)[:epochs]) for run in pair] for pair in self.pairs]
            self._changes[name] = [relative_change(*both) for both in rates]
        return list(self._changes[name])

    @functools.cached_property
    def _changes(self) -> dict[str, list[float]]:
        return {}

    def epochs_to(self, threshold: float, name: str = "test_accuracy") -> Reached:
        """When each run's accuracy first was at least the threshold, within the epochs that all runs have."""
        return Reached(epochs=tuple(epochs_to(curve, threshold) for curve in self.curves(name)))

    @functools.cached_property
    def costs(self) -> Costs:
        """Spikes, operations, updates and energy proxies of an inference, after the last epoch that all runs have."""
        return costs_of(self.runs, self.epochs)

    def last(self, name: str) -> Estimate:
        """A metric after the last epoch that all runs have."""
        return estimate(self.at_the_end(name))

    def at_the_end(self, name: str) -> list[float]:
        """A metric of each run after the last epoch that all have."""
        return [run.at(name, self.epochs) for run in self.runs]

    def curves(self, name: str) -> list[list[float]]:
        """A metric of each run, epoch by epoch, over the epochs that all have."""
        return [run.series(name)[: self.epochs] for run in self.runs]


def compare(runs: Iterable[Run]) -> list[Entry]:
    """One entry a configuration and experiment.

    Loose runs first, then experiments in the order of their sweep; in these models in order, then groups, large ones
    first; in them the baseline, then many bins. Where some seeds of a configuration are finished, those in progress
    are left out; pairs with a baseline in progress likewise. Of two runs of the same configuration and seed the longer
    one is taken. A run is compared with a baseline of its own experiment where that has one, else with any.
    """
    longest = sorted(runs, key=lambda run: (-len(run.rows), str(run.path)))
    gathered: dict[tuple[str, Settings], dict[int, Run]] = {}
    places: dict[str, int] = {}
    for run in longest:
        for experiment, place in (run.experiments or {"": -1}).items():
            gathered.setdefault((experiment, _configuration(run)), {}).setdefault(run.config.seed, run)
            places[experiment] = min(place, places.get(experiment, place))
    baselines = _Baselines(longest)
    entries = []
    for (experiment, _), seeds in gathered.items():
        several = [seeds[seed] for seed in sorted(seeds)]
        chosen = [run for run in several if run.finished] or several
        found = [(run, baselines.of(run, experiment)) for run in chosen]
        pairs = [(run, baseline) for run, baseline in found if baseline is not None]
        whole = [pair for pair in pairs if pair[1].finished] or pairs
        entries.append(Entry(runs=tuple(chosen), pairs=tuple(whole), experiment=experiment, place=places[experiment]))
    sizes = Counter(entry.group for entry in entries)
    return sorted(entries, key=lambda entry: _order(entry, sizes[entry.group]))


class _Baselines:
    """Finds the run that another is compared with."""

    def __init__(self, runs: list[Run]) -> None:
        finest: defaultdict[Settings, float] = defaultdict(lambda: math.inf)
        for run in runs:
            if run.config.model in _ALWAYS_DISCRETISED:
                family = _family(run)
                finest[family] = min(finest[family], float(run.config.dt or math.inf))
        self._known: dict[Settings, list[Run]] = {}
        for run in runs:
            if run.config.is_baseline() or run.config.dt == finest.get(_family(run)):
                self._known.setdefault(_but(run.settings, _STEP), []).append(run)

    def of(self, run: Run, experiment: str) -> Run | None:
        """Of the same seed and settings, first of the same experiment, then most alike in how steps are taken."""
        candidates = self._known.get(_but(run.settings, _STEP), [])
        return min(candidates, key=self._distance(run, experiment), default=None)

    def _distance(self, run: Run, experiment: str) -> Callable[[Run], tuple[bool, int]]:
        own = dict(run.settings)
        names = _STEP - _LENGTH_AND_SEED

        def distance(baseline: Run) -> tuple[bool, int]:
            other = dict(baseline.settings)
            elsewhere = experiment not in (baseline.experiments or {"": -1})
            return elsewhere, sum(own.get(name) != other.get(name) for name in names)

        return distance


def _configuration(run: Run) -> Settings:
    """What the seeds of one configuration share; in exact time nothing about a step matters."""
    exact = run.config.dt is None
    return _but(run.settings, _STEP_AND_SEED if exact else _SEED)


def _family(run: Run) -> Settings:
    """What runs share that differ in the length of their steps and the seed alone."""
    return _but(run.settings, _LENGTH_AND_SEED)


def _but(values: Settings, names: frozenset[str]) -> Settings:
    return tuple(pair for pair in values if pair[0] not in names)


def _order(entry: Entry, size: int) -> tuple[Any, ...]:
    config = entry.config
    step = [str(getattr(config, name, "")) for name in ABOUT_THE_STEP[2:]]
    where = (entry.place, entry.experiment, config.model != "slayer", config.kind(), -size)
    return (*where, str(entry.group), not entry.is_reference, config.dt or 0, *step)
