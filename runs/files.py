"""Files that are written whole or not at all, and locks on files that are waited for."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any


def write_json(file: Path, values: dict[str, Any], durable: bool = True) -> None:
    """`write_bytes` of values as JSON."""
    write_bytes(file, (json.dumps(values, indent=2) + "\n").encode(), durable)


def write_text(file: Path, text: str) -> None:
    """`write_bytes` of a text."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes, durable: bool = True) -> None:
    """Writes a file, whole or not at all; not `durable`, a machine that loses its power may lose it."""
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(part, file)
    except OSError:  # a full disk, most likely, which half a file would keep full
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def wait_for(lock: IO[str]) -> None:
    """Waits until the lock is ours; the system lets go of it when the process ends, however it ends.

    Where the system has none (Windows, some network folders), two processes may both write a file, and the last one's
    stays: each replaces it as a whole.
    """
    try:
        import fcntl
    except ImportError:
        return
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
