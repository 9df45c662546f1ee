"""Where a run of a sweep stands, as its directory tells it to whoever asks, on whatever machine.

progress.json      the epoch in progress and the samples seen of it; written often, so not made safe on the disk
failed.json        why the run could not be trained, how often it was tried, and whether it is to be tried again
"""

from __future__ import annotations

import json
import os
import socket
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runs.config import AnyConfig
from runs.directory import Row, RunDirectory, read_rows
from runs.files import write_json
from runs.holding import read_holder

_INTERVAL = 0.5
_SILENCE = 600.0


@dataclass(frozen=True, kw_only=True)
class Status:
    """A run at this moment.

    Args:
        state: "waiting" for a worker (with some epochs, if it was stopped), "running", "finished" or "failed".
        rows: metrics of the epochs that are there.
        part: share of the epoch in progress that has been seen, 0 to 1.
        failure: what failed.json holds.
    """

    state: Literal["waiting", "running", "finished", "failed"]
    rows: tuple[Row, ...] = ()
    part: float = 0.0
    failure: dict[str, Any] | None = None


def read_status(path: Path, config: AnyConfig) -> Status:
    """Where the run in `path` stands; without a directory it is waiting."""
    if RunDirectory(path).finished_epochs() == config.epochs:
        return Status(state="finished", rows=tuple(read_rows(path)))
    if not path.is_dir():
        return Status(state="waiting")
    rows = tuple(read_rows(path)[: config.epochs])
    failure = read_failure(path)
    if failure is not None and not failure.get("retry"):
        return Status(state="failed", rows=rows, failure=failure)
    progress = _read(path / "progress.json") or {}
    if not _is_alive(read_holder(path), _number(progress, "time")):
        return Status(state="waiting", rows=rows, failure=failure)
    seen, total = _number(progress, "seen"), _number(progress, "total")
    in_epoch = progress.get("epoch") == len(rows) + 1 and total > 0
    part = min(1.0, max(0.0, seen / total)) if in_epoch else 0.0
    return Status(state="running", rows=rows, part=part, failure=failure)


def read_failure(path: Path) -> dict[str, Any] | None:
    """What failed.json holds; None where the run has not failed."""
    if not (path / "failed.json").exists():
        return None
    return _read(path / "failed.json") or {"attempts": 1, "type": "unknown", "sentence": "failed.json is damaged"}


def note_failure(path: Path, error: BaseException | str) -> None:
    """Writes why the run in `path` failed; it is not tried again before `request_retry`.

    Raises:
        OSError: even that cannot be written.
    """
    before = _read(path / "failed.json") or {}
    told = isinstance(error, str)
    values = {
        "attempts": int(_number(before, "attempts")) + 1,
        "type": "WorkerDied" if told else type(error).__name__,
        "sentence": (str(error) or type(error).__name__).strip(),
        "traceback": "" if isinstance(error, str) else "".join(traceback.format_exception(error)),
        "time": time.time(),
        "retry": False,
    }
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "failed.json", values)


def request_retry(path: Path) -> bool:
    """Lets a failed run be tried again; whether it had failed."""
    failure = read_failure(path)
    if failure is None:
        return False
    if failure.get("retry"):  # already, and a worker may be about to write here itself
        return True
    write_json(path / "failed.json", {**failure, "retry": True})
    return True


class Progress:
    """Watches one run for its directory's progress.json.

    Args:
        path: the run's directory.
        warn_to: takes the sentences of warnings.
    """

    def __init__(self, path: Path, warn_to: Any) -> None:
        self._path, self._warn, self._epoch, self._next = path, warn_to, 1, 0.0

    def start_run(self, config: AnyConfig, done: int) -> None:
        self._epoch = done + 1
        self._write(0, 0)

    def tick(self, samples: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._write(samples, total)

    def end_epoch(self, config: AnyConfig, row: Row) -> None:
        self._epoch = row["epoch"] + 1
        self._write(0, 0)

    def end_run(self, config: AnyConfig) -> None:
        """Nothing: done.json says it."""

    def warn(self, sentence: str) -> None:
        self._warn(sentence)

    def _write(self, seen: int, total: int) -> None:
        self._next = time.monotonic() + _INTERVAL
        values = {"epoch": self._epoch, "seen": seen, "total": total, "time": time.time()}
        with suppress(OSError):  # a full disk stops a run where it would lose something
            write_json(self._path / "progress.json", values, durable=False)


def _is_alive(holder: tuple[str, int] | None, last_heard: float) -> bool:
    """Whether who held a run last still does, as far as can be told: on other machines, by the last sign of life."""
    if holder is None:
        return False
    host, process = holder
    if host != socket.gethostname():
        return time.time() - last_heard < _SILENCE
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _number(values: dict[str, Any], key: str) -> float:
    """A number of a file that may be damaged; 0 where it is none."""
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _read(file: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
