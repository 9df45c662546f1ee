"""One run, one directory. It can be killed at any moment; what it holds then is enough to continue.

    config.json                      the whole configuration, written first
    environment.json                 versions, machine and source the run was started with
    checkpoint-00003.safetensors     all arrays after epoch 3, and the metrics up to there; the last two are kept
    metrics.jsonl                    one line an epoch
    done.json                        written last: the run is complete
    progress.json, failed.json       of a run in a sweep: see runs.sweep.status

Every file but metrics.jsonl is written under another name and renamed when it is whole. metrics.jsonl is for readers:
the checkpoint holds the same rows, and a line that is missing or cut short is put back from there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs.checkpoints import Checkpoint, checkpoint_files, load_arrays, read_checkpoint, write_checkpoint
from runs.config import AnyConfig, ConfigError, saved_config
from runs.files import write_bytes, write_json
from runs.holding import locked

FORMAT = 1  # of all but checkpoints, which have their own
Row = dict[str, Any]


class RunDirectory:
    """The directory of one run.

    Args:
        path: the directory; made by `open`.
        warn: takes a sentence about anything found damaged and repaired.
    """

    def __init__(self, path: Path, warn: Callable[[str], None] = lambda sentence: None) -> None:
        self.path = Path(path)
        self._warn = warn

    @contextmanager
    def open(self, config: AnyConfig) -> Iterator[None]:
        """Makes the directory, or checks that it holds this very run, and keeps other processes out meanwhile.

        A run whose data have moved is the same run if they are the same data, by content.

        Raises:
            ConfigError: the directory holds another run, a longer one, or files that are no run.
            Busy: another process is running in it.
        """
        checked = self._check_is_mine(config)
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            held = read_config(self.path) if (self.path / "config.json").exists() else None
            if held != checked:  # another process has been here in between
                self._check_is_mine(config)
            changed = held is None or held.identity() != config.identity()
            if changed and self._learnt_nothing():  # what is noted of it is another run's
                (self.path / "environment.json").unlink(missing_ok=True)
            if held is None or changed or held.epochs < config.epochs:
                saved = {"format": FORMAT, **config.model_dump(mode="json")}
                write_json(self.path / "config.json", saved)
            yield

    def _check_is_mine(self, config: AnyConfig) -> AnyConfig | None:
        """The configuration of the run that is here, if one is."""
        config_file = self.path / "config.json"
        if not config_file.exists():
            if self.path.exists() and not self.path.is_dir():
                raise ConfigError(f"{self.path} is a file, but a run needs a directory of its own")
            others = [p.name for p in self.path.iterdir() if p.name not in _OURS] if self.path.exists() else []
            if others and not config_file.exists():  # by now: another process may just have begun this run
                raise ConfigError(
                    f"{self.path} holds {others[0]!r} but no run: give --out a directory that is new or empty"
                )
            if not others:
                return None
        held = read_config(self.path)
        ours, theirs = config.identity(), held.identity()
        differing = [key for key in {**theirs, **ours} if ours.get(key) != theirs.get(key)]
        if differing and not self._learnt_nothing() and not (differing == ["data"] and self._has_data_of(config)):
            told = ", ".join(f"{key} = {theirs.get(key)} (asked for: {ours.get(key)})" for key in differing[:3])
            raise ConfigError(
                f"{self.path} holds a run with another configuration, {told}: "
                "give another --out, or ask for the same configuration to continue it"
            )
        finished = self.finished_epochs()
        if finished is not None and finished > config.epochs:
            raise ConfigError(
                f"{self.path} holds this run with {finished} epochs, more than the {config.epochs} asked for: "
                "give another --out"
            )
        return held

    def _has_data_of(self, config: AnyConfig) -> bool:
        """Whether the run here was trained on what `config` names, in another folder; that is read."""
        from runs.training.data_names import DataNames  # asked for where data have moved, and never else

        return self.data_name() == DataNames().of(config)

    def data_name(self) -> str | None:
        """What the run was trained on, by content, as it or its checkpoint has noted; None where neither has."""
        name = read_environment(self.path).get("data")
        if isinstance(name, str):
            return name
        checkpoint = load_arrays(self.path)
        return None if checkpoint is None else checkpoint.data

    def note_folder(self, config: AnyConfig) -> None:
        """Keeps where the data of the run that is here lie now, if it is that of `config` but for their folder."""
        if not (self.path / "config.json").exists():
            return
        held = read_config(self.path)
        moved = held.model_copy(update={"data": config.data})
        if moved != held and moved.identity() == config.identity():
            write_json(self.path / "config.json", {"format": FORMAT, **moved.model_dump(mode="json")})

    def _learnt_nothing(self) -> bool:
        """Whether the run ended before its first epoch did, as one with impossible settings; it may be replaced."""
        return not (self.path / "metrics.jsonl").exists() and not checkpoint_files(self.path)

    def finished_epochs(self) -> int | None:
        """The epochs of the finished run in this directory; None where it is not finished."""
        try:
            epochs = int(json.loads((self.path / "done.json").read_text())["epochs"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return epochs if len(read_rows(self.path)) >= epochs else None

    def note_environment(self, environment: dict[str, Any], *, anew: bool = False) -> None:
        """Keeps what the run was started with; a continued run keeps the first note, one that starts `anew` none."""
        if anew or not read_environment(self.path):
            write_json(self.path / "environment.json", environment)

    def load(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None where there is none. metrics.jsonl is brought to agree with it."""
        found: Checkpoint | None = None
        damaged: list[str] = []
        for file in checkpoint_files(self.path):
            found = read_checkpoint(file)
            if found is not None:
                break
            damaged.append(file.name)
            file.unlink()
        for name in damaged:
            then = f"continuing after epoch {found.epoch}" if found else "starting over"
            self._warn(f"{self.path / name} is damaged (the run was cut off, or the disk was full): {then}")
        rows = found.rows if found else []
        if read_rows(self.path) != rows or not _ends_whole(self.path / "metrics.jsonl"):
            text = "".join(_line(row) for row in rows)
            write_bytes(self.path / "metrics.jsonl", text.encode())
        return found

    def save(self, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint and then its last row into metrics.jsonl; the two newest checkpoints are kept."""
        write_checkpoint(self.path, checkpoint)
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(_line(checkpoint.rows[-1]))
            file.flush()
            os.fsync(file.fileno())
        for old in checkpoint_files(self.path)[2:]:
            old.unlink()

    def finish(self, epochs: int) -> None:
        """Writes the completion marker; what is finished has not failed."""
        (self.path / "failed.json").unlink(missing_ok=True)
        write_json(self.path / "done.json", {"format": FORMAT, "epochs": epochs})


def read_config(path: Path) -> AnyConfig:
    """The configuration of the run in `path`.

    Raises:
        ConfigError: there is none, or it is of a format that this version does not know.
    """
    file = path / "config.json"
    values = _read_json(file)
    form, model = values.pop("format", None), values.pop("model", None)
    if form != FORMAT:
        raise ConfigError(f"{file} has format {form!r}, but this version of lava-dt reads format {FORMAT}")
    return saved_config(str(model), values, str(file))


def read_environment(path: Path) -> dict[str, Any]:
    """Versions, machine and source of the run in `path`; empty where they are not known, or their file is damaged."""
    try:
        return _read_json(path / "environment.json")
    except ConfigError:
        return {}


def read_rows(path: Path) -> list[Row]:
    """The metrics of every epoch of the run in `path`, up to the first line that is cut short."""
    try:
        text = (path / "metrics.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows: list[Row] = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not isinstance(row, dict) or row.get("epoch") != len(rows) + 1:
            break
        rows.append(row)
    return rows


_OURS = {
    ".lock",
    *(name + part for name in ("config", "environment", "progress", "failed") for part in (".json", ".json.part")),
} - {"config.json"}


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"


def _ends_whole(file: Path) -> bool:
    return not file.exists() or file.stat().st_size == 0 or file.read_bytes().endswith(b"\n")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON ({error}): remove its directory to start over") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{file} holds no configuration: remove its directory to start over")
    return values
