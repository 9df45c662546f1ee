"""What a sweep asks, and which of its runs are not there: begun, failed, not begun."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runs.comparison import Run
from runs.config import ConfigError
from runs.directory import read_config
from runs.report.wording import several
from runs.results.reading import find_runs

_MANY = 50  # lines of a kind that a report lists


@dataclass(frozen=True)
class Line:
    """A run that is not finished: its directory's name and what is known of it."""

    name: str
    text: str
    details: str = ""


@dataclass
class Status:
    """Runs by what became of them. files: sweep.toml of each sweep."""

    title: str = ""
    questions: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    finished: int = 0
    planned: int = 0
    failed: list[Line] = field(default_factory=list)
    begun: list[Line] = field(default_factory=list)
    waiting: list[Line] = field(default_factory=list)
    unreadable: list[Line] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every planned run is finished."""
        return not (self.failed or self.begun or self.waiting or self.unreadable)

    def sentence(self) -> str:
        """How far it is."""
        if self.complete:
            return f"All {self.planned:,} runs are finished." if self.planned > 1 else "The run is finished."
        parts = [
            f"{self.finished:,} of {several(self.planned, 'run')} {'is' if self.finished == 1 else 'are'} finished"
        ]
        kinds = (
            (self.failed, "failed"),
            (self.begun, "in progress"),
            (self.waiting, "not begun"),
            (self.unreadable, "unreadable"),
        )
        parts += [f"{len(lines):,} {text}" for lines, text in kinds if lines]
        return ", ".join(parts) + "."

    def shown(self) -> list[tuple[str, list[Line], int]]:
        """Title, first lines and the number of further ones of every kind that there is."""
        kinds = (
            ("Failed", self.failed),
            ("In progress", self.begun),
            ("Not begun", self.waiting),
            ("Unreadable", self.unreadable),
        )
        return [(title, lines[:_MANY], max(0, len(lines) - _MANY)) for title, lines in kinds if lines]


def read_status(paths: Sequence[Path], runs: Sequence[Run]) -> Status:
    """What became of the runs at or below the paths; `runs` are those with at least one epoch."""
    status, titles = Status(), []
    known = {os.path.abspath(run.path): run for run in runs}
    sweeps = dict(_sweeps(paths))
    seen: set[str] = set()
    for folder, sweep in sweeps.items():
        titles.append(str(sweep.get("title") or sweep.get("name") or folder.name))
        if sweep.get("question"):
            status.questions.append(str(sweep["question"]))
        if (folder / "sweep.toml").exists():
            status.files.append(folder / "sweep.toml")
        place = os.path.abspath(folder / "runs")
        for planned in sweep.get("runs", []):
            planned_path = os.path.join(place, os.path.basename(str(planned.get("directory"))))
            seen.add(planned_path)
            _place(status, Path(planned_path), known.get(planned_path))
    status.title = "; ".join(dict.fromkeys(titles))
    loose = [path for path in paths if path not in sweeps]
    for path in find_runs(*loose):
        absolute = os.path.abspath(path)
        if absolute not in seen:
            _place(status, path, known.get(absolute))
    return status


def _sweeps(paths: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The sweeps among the paths, and in the folders right below them."""
    for path in dict.fromkeys(paths):
        sweep = _read(path / "sweep.json")
        if sweep is not None:
            yield path, sweep
            continue
        for folder in sorted(child for child in path.iterdir() if child.is_dir()):
            sweep = _read(folder / "sweep.json")
            if sweep is not None:
                yield folder, sweep


def _place(status: Status, path: Path, run: Run | None) -> None:
    """Counts a run among its like."""
    status.planned += 1
    if run is not None and run.finished:
        status.finished += 1
        return
    epochs = 0 if run is None else len(run.rows)
    failure = _read(path / "failed.json")
    if failure is not None:
        status.failed.append(_failure(path, failure, epochs))
    elif run is None and (damage := _damage(path)):
        status.unreadable.append(Line(path.name, damage))
    elif epochs or (path / "config.json").exists():
        status.begun.append(Line(path.name, _progress(path, run, epochs)))
    else:
        status.waiting.append(Line(path.name, ""))


def _damage(path: Path) -> str:
    """Why the configuration of a run cannot be read; "" where it can, or where there is none yet."""
    if not (path / "config.json").exists():
        return ""
    try:
        read_config(path)
    except ConfigError as error:
        return str(error)
    return ""


def _failure(path: Path, failure: dict[str, Any], epochs: int) -> Line:
    reason = ": ".join(str(failure[name]) for name in ("type", "sentence") if failure.get(name))
    attempts, again = failure.get("attempts"), failure.get("retry")
    more = [
        f"{several(epochs, 'epoch')} done",
        f"attempt {attempts}" if attempts else "",
        "to be tried again" * bool(again),
    ]
    text = f"{reason or 'no reason is told'} ({', '.join(filter(None, more))})"
    return Line(path.name, text, str(failure.get("traceback") or ""))


def _progress(path: Path, run: Run | None, epochs: int) -> str:
    total = f" of {run.config.epochs}" if run is not None else ""
    text = f"{epochs}{total} epochs"
    progress = _read(path / "progress.json")
    if progress is None:
        return text
    seen, samples, when = (progress.get(name) for name in ("seen", "total", "time"))
    if isinstance(seen, int) and isinstance(samples, int) and samples:
        text += f", {seen / samples:.0%} of the next"
    if isinstance(when, int | float):
        text += f"; last heard of {time.strftime('%Y-%m-%d %H:%M', time.gmtime(when))} UTC"
    return text


def _read(file: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
