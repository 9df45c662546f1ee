"""What a sweep file may hold, checked: experiments with their settings and grids, and the small size of them all."""

from __future__ import annotations

import difflib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from runs.config import MODELS, ConfigError, with_underscores

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Grid = dict[str, list[Any]]


class Overrides(BaseModel):
    """What the small size changes: settings and grids that take the place of those of the same name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    settings: dict[str, Any] = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict)

    @field_validator("settings", "grid", mode="before")
    @classmethod
    def _spell(cls, values: Any) -> Any:
        """Keys may be spelt with hyphens, as the flags are."""
        return with_underscores(values, "a table") if isinstance(values, dict) else values

    @field_validator("grid", mode="before")
    @classmethod
    def _check_lists(cls, grid: Any) -> Any:
        if isinstance(grid, dict) and "epochs" in grid:
            raise ValueError("grid.epochs: a longer run goes on from a shorter one; put the longest into settings")
        for key, values in grid.items() if isinstance(grid, dict) else ():
            if not isinstance(values, list):
                raise ValueError(f"grid.{key} = {values!r} is not a list: write [{values!r}], or put it into settings")
            if not values:
                raise ValueError(f"grid.{key} is an empty list, which makes no run at all: give it values or drop it")
            if any(values.count(value) > 1 for value in values):
                raise ValueError(f"grid.{key} = {values} holds a value twice: give each once")
        return grid


class Experiment(Overrides):
    """Runs of one model that belong together: settings they share, and lists whose product they are."""

    name: str
    model: str
    baseline: bool = True
    quick: Overrides = Field(default_factory=Overrides)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise ValueError(f"name = {name!r}: the name of an experiment is made of letters, digits and hyphens")
        return name

    @field_validator("model")
    @classmethod
    def _check_model(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"model = {model!r}, but there are only: {', '.join(MODELS)}")
        return model

    @model_validator(mode="after")
    def _check_keys(self) -> Experiment:
        known = [key for key in MODELS[self.model].model_fields if key != "model"]
        for overrides in (self, self.quick):
            for key in (*overrides.settings, *overrides.grid):
                if key not in known:
                    near = difflib.get_close_matches(key, known, n=1)
                    hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
                    raise ValueError(f"{key!r} is no key of the model {self.model}: {hint}")
            both = [key for key in overrides.grid if key in overrides.settings]
            if both:
                raise ValueError(f"{both[0]} is in the settings and in the grid: give it in one of the two")
        return self

    def overridden(self, by: Overrides) -> Experiment:
        """With other settings and grids; where those give dt or bins, neither of the old ones stays."""
        gone = {*by.settings, *by.grid}
        gone |= {"dt", "bins"} if gone & {"dt", "bins"} else set()
        settings = {key: value for key, value in self.settings.items() if key not in gone}
        grid = {key: by.grid.get(key, values) for key, values in self.grid.items() if key in by.grid or key not in gone}
        values = {"settings": {**settings, **by.settings}, "grid": {**grid, **by.grid}, "quick": {}}
        return Experiment(**{**self.model_dump(), **values})


class SweepFile(BaseModel):
    """A sweep file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str = ""
    question: str = ""
    quick: Overrides = Field(default_factory=Overrides)
    experiment: tuple[Experiment, ...]

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"name = {name!r}: it names a directory, too: take letters, digits, hyphens and dots")
        return name

    @model_validator(mode="after")
    def _check_experiments(self) -> SweepFile:
        if not self.experiment:
            raise ValueError("there is no experiment: add an [[experiment]]")
        name, times = Counter(one.name for one in self.experiment).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} experiments are named {name!r}: give each a name of its own")
        return self

    @property
    def has_small(self) -> bool:
        """Whether it says what its quick size is."""
        return any(over.settings or over.grid for over in (self.quick, *(one.quick for one in self.experiment)))

    def small(self) -> SweepFile:
        """The quick size, as a file of its own: the sweep's overrides first, then each experiment's own."""
        experiments = [one.overridden(self.quick).overridden(one.quick) for one in self.experiment]
        return self.model_copy(update={"quick": Overrides(), "experiment": tuple(experiments)})


def parse_sweep(source: Path | str) -> SweepFile:
    """The checked content of a sweep file: a path, or its text. A path in its settings is relative to the file.

    Raises:
        ConfigError: it cannot be read, is no TOML, or holds what no sweep does; one sentence that names the experiment.
    """
    where = str(source) if isinstance(source, Path) else "the sweep"
    try:
        values = tomllib.loads(source.read_text(encoding="utf-8") if isinstance(source, Path) else source)
    except OSError as error:
        raise ConfigError(f"the sweep file {source} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not valid TOML: {error}") from None
    try:
        return SweepFile(**values)
    except ValidationError as error:
        raise ConfigError(_sentence(error, values, where)) from None


def _sentence(error: ValidationError, values: dict[str, Any], where: str) -> str:
    first = error.errors(include_url=False)[0]
    place, experiment = list(first["loc"]), ""
    if len(place) > 1 and place[0] == "experiment" and isinstance(place[1], int):
        entry = values["experiment"][place[1]]
        name = entry.get("name", f"number {place[1] + 1}") if isinstance(entry, dict) else f"number {place[1] + 1}"
        experiment, place = f", experiment {name!r}", place[2:]
    key = ".".join(map(str, place))
    if place == ["experiment"] and isinstance(values.get("experiment"), dict):
        return f"{where}: [experiment] is one table, but there may be several: write [[experiment]]"
    if first["type"] == "value_error":
        return f"{where}{experiment}: {first['ctx']['error']}"
    if first["type"] == "extra_forbidden":
        return f"{where}{experiment} has an unknown key {key!r}"
    if first["type"] == "missing":
        return f"{where}{experiment} lacks {key!r}" + (": add an [[experiment]]" if key == "experiment" else "")
    return f"{where}{experiment}: {key} = {first['input']!r} will not do: {first['msg'][:1].lower()}{first['msg'][1:]}"
