"""Runs as their directories hold them."""

from __future__ import annotations

import functools
import gc
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from runs.config import AnyConfig, ConfigError
from runs.directory import Row, RunDirectory, read_config, read_environment, read_rows
from runs.results.sweeps import Experiments, Sweeps

Settings = tuple[tuple[str, object], ...]
_SEED = re.compile(rb'"seed": (\d+)')


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its directory holds it.

    experiments: those of its sweep that share it, each with its place in the sweep; none of a loose run.
    """

    path: Path
    config: AnyConfig
    rows: list[Row]
    experiments: Experiments = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether all epochs are there."""
        return len(self.rows) >= self.config.epochs

    @functools.cached_property
    def settings(self) -> Settings:
        """Everything that decides the run's numbers but its length, in a form that can be compared and hashed.

        The data are told by content, wherever they lay, as the run or its checkpoint has noted them. Where neither has,
        and of Poisson trains, whose draws have the seed in their name, it is the folder that counts.
        """
        if getattr(self.config, "encoding", None) == "rate":
            return settings(self.config)
        name = self.environment.get("data")
        return settings(self.config, name if isinstance(name, str) else RunDirectory(self.path).data_name())

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, machine and source it was started with; empty where they are not known."""
        try:
            with open(f"{self.path}/environment.json", "rb") as file:
                return _parse_environment(file.read())
        except (OSError, ValueError):
            return read_environment(self.path)

    def series(self, name: str) -> list[float]:
        """One metric, epoch by epoch; nan where an epoch has none. The list is kept: leave it as it is."""
        if name not in self._series:
            self._series[name] = [_number(row.get(name)) for row in self.rows]
        return self._series[name]

    def at(self, name: str, epoch: int) -> float:
        """One metric after an epoch, from 1; nan where that has none."""
        return _number(self.rows[epoch - 1].get(name))

    @functools.cached_property
    def _series(self) -> dict[str, list[float]]:
        return {}


def read_runs(*paths: Path, skip: Callable[[str], None] = lambda sentence: None) -> list[Run]:
    """Every run at or below the paths that has at least one epoch, sorted by path.

    Runs whose configuration cannot be read are left out; `skip` takes a sentence about each, with its path.
    """
    sweeps, configs, runs = Sweeps(), _Configs(), []
    with _no_collection():
        for path in find_runs(*paths):
            rows = _rows(path)
            if rows:
                try:
                    config = configs.read(path)
                except ConfigError as error:
                    skip(str(error))
                    continue
                runs.append(Run(path=path, config=config, rows=rows, experiments=sweeps.experiments(path)))
    return runs


def find_runs(*paths: Path) -> list[Path]:
    """Every run directory at or below the paths, each once, sorted by path."""
    found = {Path(directory) for path in paths for directory in _walk(os.fspath(path))}
    return sorted(found)


def settings(config: AnyConfig, data: str | None = None) -> Settings:
    """The settings of a configuration, all but the number of epochs, in a form that can be compared and hashed.

    data: what stands for the data; None: their folder.
    """
    values = config.identity() if data is None else {**config.identity(), "data": data}
    return tuple((name, _hashable(value)) for name, value in values.items())


class _Configs:
    """Reads configurations; of several that differ in the seed alone one is checked."""

    def __init__(self) -> None:
        self._known: dict[bytes, AnyConfig] = {}

    def read(self, path: Path) -> AnyConfig:
        """The configuration of the run in `path`; errors are those of `read_config`."""
        try:
            with open(f"{path}/config.json", "rb") as file:
                content = file.read()
        except OSError:
            return read_config(path)
        seed = _SEED.search(content)
        if seed is None:
            return read_config(path)
        but = content[: seed.start(1)] + content[seed.end(1) :]
        if but not in self._known:
            self._known[but] = read_config(path)
        return self._known[but].model_copy(update={"seed": int(seed[1])})


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


@functools.lru_cache(maxsize=256)  # the runs of a sweep share it, or nearly all do
def _parse_environment(content: bytes) -> dict[str, Any]:
    values = from_json(content)
    return values if isinstance(values, dict) else {}


def _rows(path: Path) -> list[Row]:
    """What `read_rows` gives, in one go where the file is whole, as nearly all are."""
    try:
        with open(f"{path}/metrics.jsonl", "rb") as file:
            rows = from_json(b"[" + file.read().rstrip().replace(b"\n", b",") + b"]")
    except (OSError, ValueError):
        return read_rows(path)
    whole = all(isinstance(row, dict) and row.get("epoch") == epoch for epoch, row in enumerate(rows, 1))
    return rows if whole else read_rows(path)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps Python from searching, again and again, a growing heap in which there is no garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _walk(directory: str) -> Iterator[str]:
    """The directories at or below this one that hold a config.json; links to directories are not followed."""
    below = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name == "config.json":
                    yield directory
                elif entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
    except OSError:
        return
    for path in below:
        yield from _walk(path)


def _hashable(value: object) -> object:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
