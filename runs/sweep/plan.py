"""From a sweep file to its runs: the product of the grids, the baselines, each run once."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.commands import default_name
from runs.config import AnyConfig, ConfigError, make_config
from runs.sweep.file import Experiment, SweepFile, parse_sweep
from runs.sweep.sizes import dataset_of

# What describes the step and means nothing to an undiscretised run. A model that is not here has no such run.
ABOUT_THE_STEP = {
    "bats": ("dt", "bins", "rule", "grid_inputs", "published_pixels"),
    "slayer": ("dt", "bins", "clock", "scheme", "gain", "between", "saturate"),
}

Data = Path | Mapping[str, Path] | None


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a sweep.

    Args:
        experiments: names of those it belongs to; several may share a baseline.
        config: what it is.
        directory: its place in OUT/runs.
    """

    experiments: tuple[str, ...]
    config: AnyConfig
    directory: str

    @property
    def experiment(self) -> str:
        """The first of its experiments."""
        return self.experiments[0]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep as it is run: its file, in full or in quick size, and the runs that follow from it.

    notes: sentences about what of the file cannot be just as it is asked for, each once.
    """

    file: SweepFile
    quick: bool
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def title(self) -> str:
        """The headline of its report."""
        return self.file.title or self.file.name

    @property
    def question(self) -> str:
        """A paragraph about what it asks."""
        return self.file.question

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return self.file.experiment


def load_sweep(source: Path | str, quick: bool = False, data: Data = None) -> Sweep:
    """Reads a sweep file and plans its runs.

    Args:
        source: a path, or the text of a sweep file.
        quick: the small size, by the file's own overrides.
        data: folder of the data set, for all runs or by the data set's name; it comes before the file's own.

    Raises:
        ConfigError: what the file or a configuration refuses, in one sentence that names the experiment.
    """
    full = parse_sweep(source)
    where = str(source) if isinstance(source, Path) else "the sweep"
    if quick and not full.has_small:
        raise ConfigError(f"{where} has no quick size: say what it changes, as in [quick.settings] epochs = 2")
    file = full.small() if quick else full
    base = source.parent if isinstance(source, Path) else Path()
    found: dict[str, PlannedRun] = {}
    notes: dict[str, None] = {}
    for experiment in file.experiment:
        for values in _combinations(experiment):
            try:
                config = _configure(experiment, values, base, data)
            except ConfigError as error:
                raise ConfigError(f"{where}, experiment {experiment.name!r}: {error}") from None
            note = config.note(values)
            if note is not None:
                notes[note] = None
            key = _key(config)
            known = found.get(key, PlannedRun(experiments=(), config=config, directory=directory_name(config)))
            names = tuple(dict.fromkeys((*known.experiments, experiment.name)))
            longer = max(known.config, config, key=lambda one: one.epochs)
            found[key] = PlannedRun(experiments=names, config=longer, directory=known.directory)
    return Sweep(file=file, quick=quick, runs=tuple(found.values()), notes=tuple(notes))


def _combinations(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Every run's values, the first key of the grid slowest; each after the undiscretised run it is compared with."""
    for chosen in itertools.product(*experiment.grid.values()):
        values = {**experiment.settings, **dict(zip(experiment.grid, chosen, strict=True))}
        if experiment.baseline and experiment.model in ABOUT_THE_STEP:
            yield _without_step(experiment, values)
        yield values


def _without_step(experiment: Experiment, values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in ABOUT_THE_STEP[experiment.model]}


def _configure(experiment: Experiment, values: dict[str, Any], base: Path, data: Data) -> AnyConfig:
    model = experiment.model
    if values.get("data") is not None:
        values = {**values, "data": (base / Path(str(values["data"])).expanduser()).resolve()}
    config = make_config(model, values)
    if experiment.baseline and config.is_baseline() and model in ABOUT_THE_STEP:  # how it would take a step is idle
        values = _without_step(experiment, values)
        config = make_config(model, values)
    folder = data.get(dataset_of(config)) if isinstance(data, Mapping) else data
    if folder is not None:
        config = make_config(model, {**values, "data": Path(folder).expanduser().resolve()})
    if config.data is not None and not config.data.is_dir():
        raise ConfigError(
            f"there is no data folder {config.data}: pass --data DIR, or leave it out for the shipped set"
        )
    return config


def _key(config: AnyConfig) -> str:
    return json.dumps(config.identity(), sort_keys=True)


def directory_name(config: AnyConfig) -> str:
    """A name that tells the run and is its own, by eight digits of its identity."""
    return f"{default_name(config)}-{hashlib.sha256(_key(config).encode()).hexdigest()[:8]}"
