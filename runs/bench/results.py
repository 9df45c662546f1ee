"""What a benchmark keeps: a record of every measurement, in a directory in which nothing is ever written over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from runs.config import ConfigError

FORMAT = 1
Record = dict[str, Any]


def new_directory(out: Path | None, kind: str) -> Path:
    """The directory asked for, or one named after the kind and the time; it is made when something is written.

    Raises:
        ConfigError: it holds something already, or is a file.
    """
    path = out or Path("results") / f"bench-{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path} is a file, but the results need a directory of their own: give another --out")
    held = sorted(entry.name for entry in path.iterdir()) if path.exists() else []
    if held:
        raise ConfigError(f"{path} holds {held[0]!r} already: give --out a directory that is new or empty")
    return path


def one_line(error: Exception) -> str:
    """The kind of an error and the beginning of its text; torch's own go on for pages."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


def record_of(case: BaseModel, title: str, entries: Record, failed: dict[str, str], reference: str) -> Record:
    """One measurement: what was found of each contestant, or why it failed, beside the case as plain values."""
    return {
        "title": title,
        "case": case.model_dump(mode="json", exclude={"entries"}),
        "reference": reference,
        "entries": entries,
        "failed": failed,
    }


def duration_text(seconds: float) -> str:
    """A duration that is only guessed."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"
