"""What a `tune` has finished, one file each, so that it can be killed at any moment and goes on from there.

    .lock                held by the process that is at work here
    config.json          which network, data and version of this package the rest belongs to, written first
    measured/NAME.json   one evaluation: sealed, written whole
    result.json          the answer, sealed, written last

Sealed: {"crc32": ..., "content": ...}, the sum being that of the content as text. A file that does not keep its seal
is damaged: an evaluation is then computed again, and said so.

Content is JSON. What JSON does not know is an object with one key that begins with a colon: ``{":tuple": [...]}``,
``{":array": [...], "dtype": ..., "shape": [...]}``, ``{":float": "inf"}``, ``{":path": ...}``, and a dataclass of this
project ``{":Name": {field: value}}``. Nothing else is built from a file, and no code is run.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from runs.config import ConfigError
from runs.directory import Row
from runs.files import write_json, write_text
from runs.holding import locked

FORMAT = 3
_UNSAID = (".lock", "config.json.part")  # that say nothing about whose the directory is


class Damaged(ValueError):
    """A file is not what was written; the text says how."""


class Store:
    """Finished evaluations in the folder ``measured`` of a directory, and the identity they belong to.

    Args:
        path: the directory; made where it is not there.
        identity: what decides the numbers of every evaluation, by name.
        warn: takes a sentence about a file that was found damaged.

    Raises:
        ConfigError: the directory holds a tune with another identity, or something else.

    Attributes:
        computed: names that were saved in this session, in order.
    """

    def __init__(self, path: Path, identity: Row, warn: Callable[[str], None] = lambda sentence: None) -> None:
        self.path, self._folder, self._warn = path, path / "measured", warn
        self.computed: list[str] = []
        self._seconds: dict[str, float] = {}
        self._since = time.monotonic()
        self._identity = {"format": FORMAT, "lava-dt": _version(), **identity}
        _check_identity(path, self._identity)
        self._folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes out of the directory.

        Raises:
            Busy: another one is at work in it.
            ConfigError: another one has made it its own in the meantime.
        """
        with locked(self.path):
            _check_identity(self.path, self._identity)
            yield

    def load(self, name: str) -> Any:
        """What was saved by the name; None where it is not there, or damaged, which is warned of."""
        file = self._file(name)
        try:
            row = read_sealed(file)
            value = decoded(row["value"])
            self._seconds[name] = float(row["seconds"])
        except FileNotFoundError:
            return None
        except (Damaged, KeyError, TypeError, ValueError) as error:
            self._warn(f"{file} is damaged ({error}): it is computed again")
            return None
        return value

    def save(self, name: str, value: Any) -> None:
        """Keeps a value, and the time since the last one."""
        now = time.monotonic()
        self._seconds[name], self._since = now - self._since, now
        write_sealed(self._file(name), {"value": encoded(value), "seconds": self._seconds[name]})
        self.computed.append(name)

    def get(self, name: str, compute: Callable[[], Any]) -> Any:
        """What was saved by the name, or else what `compute` gives, which is saved."""
        value = self.load(name)
        if value is None:
            value = compute()
            self.save(name, value)
        return value

    @property
    def seconds(self) -> float:
        """That everything which was loaded or saved took, in whatever session, and this one since its last file."""
        return sum(self._seconds.values()) + time.monotonic() - self._since

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _version() -> str:
    """Of this package, whose rules and neurons decide every number; of a tree that is not installed nobody knows it."""
    try:
        return importlib.metadata.version("lava-dt")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _check_identity(path: Path, identity: Row) -> None:
    config = path / "config.json"
    if config.exists():
        try:
            held = json.loads(config.read_bytes())
        except ValueError:
            held = None
        if not isinstance(held, dict):
            raise ConfigError(
                f"{config} is damaged, so nobody knows which network and data {path} belongs to: give another --out"
            )
        other = [key for key in {**held, **identity} if held.get(key) != identity.get(key)]
        if other:
            told = ", ".join(f"{key} = {held.get(key)} (asked for: {identity.get(key)})" for key in other[:3])
            raise ConfigError(
                f"{path} holds a tune of something else, {told}: give another --out, or the same network and data"
            )
    elif path.exists() and (not path.is_dir() or any(file.name not in _UNSAID for file in path.iterdir())):
        raise ConfigError(f"{path} holds something, but no tune: give --out a directory that is new or empty")
    else:
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_json(config, identity)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"{path} cannot be written to ({reason}): give --out a directory that can be") from None


def write_sealed(file: Path, content: Any) -> None:
    """Writes content with its sum, whole or not at all."""
    text = json.dumps(content, allow_nan=False)
    write_text(file, f'{{"crc32": {zlib.crc32(text.encode())}, "content": {text}}}\n')


def read_sealed(file: Path) -> Any:
    """The content.

    Raises:
        FileNotFoundError: there is no such file.
        Damaged: it is not what was written.
    """
    try:
        row = json.loads(file.read_bytes())
        seal, content = row["crc32"], row["content"]
    except (ValueError, KeyError, TypeError):
        raise Damaged("no sealed JSON") from None
    if zlib.crc32(json.dumps(content).encode()) != seal:
        raise Damaged("its sum is not that of its content")
    return content


def encoded(value: Any) -> Any:
    """A value as JSON, by the module's rules.

    Raises:
        TypeError: something that the rules do not know.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {":float": str(value)}
    if isinstance(value, np.generic):
        return encoded(value.item())
    if isinstance(value, np.ndarray):
        numbers = value.ravel().tolist()
        if value.dtype.kind == "f":
            numbers = [encoded(item) for item in numbers]
        return {":array": numbers, "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, Path):
        return {":path": str(value)}
    if isinstance(value, tuple):
        return {":tuple": [encoded(item) for item in value]}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encoded(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and type(value).__name__ in _kinds():
        fields = [field for field in dataclasses.fields(value) if field.init]
        return {f":{type(value).__name__}": {field.name: encoded(getattr(value, field.name)) for field in fields}}
    raise TypeError(f"a {type(value).__name__} cannot be kept in a file: give numbers, texts, arrays or results")


def decoded(content: Any) -> Any:
    """The value that `encoded` made this of.

    Raises:
        Damaged: an object of a kind that is not known, or with other fields.
    """
    if isinstance(content, list):
        return [decoded(item) for item in content]
    if not isinstance(content, dict):
        return content
    mark = next((key for key in content if key.startswith(":")), None)
    if mark is None:
        return {key: decoded(item) for key, item in content.items()}
    inner = content[mark]
    if mark == ":float":
        return float(inner)
    if mark == ":path":
        return Path(inner)
    if mark == ":tuple":
        return tuple(decoded(item) for item in inner)
    if mark == ":array":
        return _array(inner, np.dtype(content["dtype"]), content["shape"])
    kind = _kinds().get(mark[1:])
    if kind is None:
        raise Damaged(f"it holds a {mark[1:]}, which is nothing that is kept in such files")
    try:
        return kind(**{name: decoded(item) for name, item in inner.items()})
    except (TypeError, ValueError) as error:
        raise Damaged(f"it holds a {mark[1:]} of another version: {error}") from None


def _array(numbers: list[Any], dtype: np.dtype[Any], shape: list[int]) -> Any:
    if dtype.kind not in "biuf":
        raise Damaged(f"it holds an array of {dtype}, and only numbers are kept in such files")
    return np.array([decoded(item) for item in numbers] if dtype.kind == "f" else numbers, dtype).reshape(shape)


def _kinds() -> dict[str, Any]:
    """The dataclasses that may be in a file, by name."""
    from lava_dt.explanation import DecayRow, ThresholdRow
    from lava_dt.export.feasibility import Feasibility, LayerFeasibility
    from lava_dt.export.report import Divergence, LayerParity, ParityReport
    from lava_dt.timestep import Timestep
    from runs.tune.costs import Costs
    from runs.tune.evaluation import Evaluation
    from runs.tune.paired import Interval
    from runs.tune.result import Judged, Rung, Score, TuneResult

    known = (
        *(DecayRow, ThresholdRow, Feasibility, LayerFeasibility, Divergence, LayerParity, ParityReport, Timestep),
        *(Costs, Evaluation, Interval, Judged, Rung, Score, TuneResult),
    )
    return {kind.__name__: kind for kind in known}
