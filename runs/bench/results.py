"""The directory a benchmark's results go to. Nothing that is there already is ever written over."""

from __future__ import annotations

import time
from pathlib import Path

from runs.config import ConfigError


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
