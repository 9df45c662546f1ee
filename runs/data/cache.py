"""What takes long to read or to make is kept as one event file, shared by all processes that need it."""

from __future__ import annotations

import os
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from runs.data.source import StoredEvents
from runs.data.store import DamagedError, Key, OutdatedError, open_store, write_store
from runs.files import wait_for

VARIABLE = "LAVA_DT_CACHE"
Cache = Path | str | Literal[False] | None  # a folder; False: none; None: the usual one


def cache_folder(cache: Cache = None) -> Path | None:
    """Where event files are kept: `cache`, else LAVA_DT_CACHE, else the platform's folder for caches; None: nowhere."""
    if cache is False:
        return None
    named = cache or os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else _platform_folder() / "lava-dt"


def kept(cache: Cache, title: str, key: Key, make: Callable[[], StoredEvents]) -> StoredEvents:
    """The events of the cache's file, or, where there is none of this key, those that `make` gives, kept for the next.

    Several processes may ask at once: one makes the file, the others wait for it. A file that is damaged, or was made
    from files that have changed since, is made anew. Where nothing can be written, the events stay in memory.

    Args:
        cache: as `cache_folder` takes it.
        title: begins the file's name; the rest of the name follows from key["of"].
        key: what the events are made from, plain values of JSON; key["of"] is what stays when files change.
        make: reads or makes the events.
    """
    folder = cache_folder(cache)
    if folder is None:
        return make()
    path = folder / f"{title}-{zlib.crc32(repr(key['of']).encode()):08x}.events"
    found = _opened(path, key)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        warnings.warn(f"{folder} cannot be written ({error}): the events stay in memory", stacklevel=2)
        return make()
    with lock:
        wait_for(lock)
        found = _opened(path, key)
        if found is not None:
            return found
        for left in folder.glob(f".{path.name}.*.part"):  # of a process that was killed, for the lock is ours
            left.unlink(missing_ok=True)
        return _stored(path, make(), key)


def state_of(path: Path) -> list[int]:
    """Size and time of change of a file; of a folder: number of files, their sizes together, their latest change."""
    if not path.is_dir():
        told = path.stat()
        return [told.st_size, told.st_mtime_ns]
    every = [file.stat() for file in path.rglob("*") if file.is_file()]
    return [len(every), sum(told.st_size for told in every), max((told.st_mtime_ns for told in every), default=0)]


def _stored(path: Path, made: StoredEvents, key: Key) -> StoredEvents:
    try:
        write_store(path, made, key)
        return open_store(path, key)
    except (OSError, DamagedError) as error:
        warnings.warn(f"{path} could not be written ({error}): the events stay in memory", stacklevel=3)
        return made


def _opened(path: Path, key: Key) -> StoredEvents | None:
    try:
        return open_store(path, key)
    except (OSError, OutdatedError):
        return None
    except DamagedError as error:
        warnings.warn(f"{path} is damaged ({error}): it is made anew", stacklevel=3)
        return None


def _platform_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
