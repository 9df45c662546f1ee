"""One process at a time in a directory: a lock that goes with the process, and who holds it.

Unlike the locks of `runs.files`, these are not waited for.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Busy(RuntimeError):
    """Another process is running in the directory."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the directory; the system lets go of it when the process ends, however it ends.

    Raises:
        Busy: another process holds it.
        RuntimeError: its file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows; there nothing keeps two processes apart
        yield
        return
    with (path / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise RuntimeError(
                    f"{path} cannot be locked ({error.strerror}): take a directory on a file system that has locks"
                ) from None
            raise Busy(f"another process is running in {path}: wait for it, or give another --out") from None
        with suppress(OSError):  # who holds it is for readers; a full disk is no reason not to start
            lock.truncate(0)
            lock.write(f"{socket.gethostname()} {os.getpid()}\n")
            lock.flush()
        yield


def read_holder(path: Path) -> tuple[str, int] | None:
    """Host and process id of who runs in `path`, or of the last one that did; None where nobody ever has."""
    try:
        host, process = (path / ".lock").read_text(encoding="utf-8").split()
        return host, int(process)
    except (OSError, ValueError):
        return None
