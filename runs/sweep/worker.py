"""A worker: takes whatever run of a sweep is free, trains it, takes the next. It keeps nothing in mind but that.

Any number of them, on any number of machines that share the directory, work on one sweep. Each may be killed at any
moment: the system lets go of the run's lock, and the next one to take the run continues it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from runs.directory import RunDirectory
from runs.holding import Busy
from runs.sweep.folder import read_runs, run_path
from runs.sweep.plan import PlannedRun
from runs.sweep.status import Progress, note_failure, read_failure

DISK_FULL = 3  # exit code of a worker that could not write
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_THREADS = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"


class DiskFull(OSError):
    """A run could not be saved; all that was saved before is whole."""


def thread_limits(threads: int, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a process that is to compute on so many threads; to be set before it imports anything.

    Threads that have nothing to do sleep rather than spin, for other workers want the cores.
    """
    return {"OMP_WAIT_POLICY": "passive", **environment, **dict.fromkeys(_THREADS, str(threads))}


def run_worker(out: Path, threads: int | None = None, tell: Callable[[str], None] | None = None) -> None:
    """Trains runs of the sweep in `out` until none is free: finished, failed, or taken by another worker.

    A run that raises is marked as failed, with its cause, and the next one is taken.

    Args:
        out: the directory of a sweep that has been prepared.
        threads: of the numerical libraries; counts only where they have not been imported yet. None: as they are.
        tell: takes a line about every run; standard output by default.

    Raises:
        ConfigError: there is no sweep in `out`.
        DiskFull: a run could not be saved.
    """
    if threads is not None:
        limits: MutableMapping[str, str] = os.environ
        limits.update(thread_limits(threads))
    tell = tell or say
    while True:
        trained = 0
        for run in read_runs(out):
            trained += _try(run, run_path(out, run), tell)
        if not trained:
            return


def _try(run: PlannedRun, path: Path, tell: Callable[[str], None]) -> bool:
    """Trains one run if it is free; whether it was."""
    directory = RunDirectory(path, warn=lambda sentence: tell(f"{run.directory}: {sentence}"))
    if not _is_free(directory, run):
        return False
    from runs.training.loop import train_opened

    try:
        with directory.open(run.config):
            if not _is_free(directory, run):  # by now
                return False
            tell(f"{run.directory}: {run.config.command()}")
            try:
                train_opened(directory, run.config, Progress(path, tell))
            except Exception as error:
                _fail(run, path, error, tell)
                return True
            tell(f"{run.directory}: finished")
    except Busy:
        return False
    except DiskFull:
        raise
    except Exception as error:  # of opening it
        _fail(run, path, error, tell)
    return True


def _is_free(directory: RunDirectory, run: PlannedRun) -> bool:
    if directory.finished_epochs() == run.config.epochs:
        return False
    failure = read_failure(directory.path)
    return failure is None or bool(failure.get("retry"))


def _fail(run: PlannedRun, path: Path, error: Exception, tell: Callable[[str], None]) -> None:
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    sentence = f"{run.directory} failed: {str(error) or type(error).__name__}"
    try:
        note_failure(path, error)
    except OSError as second:
        full, sentence = True, f"{sentence} (nor could that be noted: {second.strerror})"
    tell(sentence)
    if full:
        raise DiskFull(getattr(error, "errno", errno.ENOSPC), sentence) from None


def say(line: str, log: int = 1) -> None:
    """Writes a line to a worker's log, by default the standard output.

    Not through a stream of Python's, which would keep what a full disk has no room for, and fail again at the end.
    """
    with suppress(OSError):
        os.write(log, f"{line}\n".encode())
