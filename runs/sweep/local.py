"""Worker processes on this machine: started, watched, started again where they die, ended with the driver."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from runs.directory import RunDirectory, read_rows
from runs.holding import Busy, read_holder
from runs.sweep.folder import run_path
from runs.sweep.plan import PlannedRun
from runs.sweep.status import note_failure, read_failure
from runs.sweep.worker import DISK_FULL, thread_limits

DEATHS = 3  # of workers within one epoch of one run, or before they took any, until that is taken for its fault
_POLL = 0.1
_PATIENCE = 5.0


class LocalWorkers:
    """Worker processes for the sweep in `out`.

    They read from a pipe that only this process holds, and end when it is closed, however this process ends. Ctrl-C,
    which the terminal sends to them, too, they leave to this process. They are in its session and group, so that what
    the system gives to these (priorities, Ctrl-Z) counts for all.

    Args:
        out: the directory of a sweep that has been prepared.
        runs: its runs.
        workers: how many processes.
        threads: of each one's numerical libraries.
        tell: takes a sentence about anything that went wrong.
    """

    def __init__(
        self, out: Path, runs: Sequence[PlannedRun], workers: int, threads: int, tell: Callable[[str], None]
    ) -> None:
        self._out, self._runs, self._tell = out, runs, tell
        self._environment = thread_limits(threads)
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._environment["PYTHONPATH"] = os.pathsep.join(paths)
        self._wanted = workers
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._deaths: Counter[tuple[str, int]] = Counter()
        self._idle_deaths: Counter[int] = Counter()
        self.disk_full = False

    def work(self) -> None:
        """Returns when no run is free any more.

        Raises:
            RuntimeError: workers die before they take a run.
        """
        try:
            for number in range(1, self._wanted + 1):
                self._start(number)
            while self._processes:
                time.sleep(_POLL)
                for number, process in list(self._processes.items()):
                    code = process.poll()
                    if code is not None:
                        del self._processes[number]
                        self._ended(number, process, code)
        finally:
            self._end_all()

    def _start(self, number: int) -> None:
        log = self._log(number)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as stream:
            self._processes[number] = subprocess.Popen(
                [sys.executable, "-m", "runs.sweep.process", str(self._out.resolve())],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    def _log(self, number: int) -> Path:
        return self._out / "logs" / f"{socket.gethostname()}-{number}.log"

    def _ended(self, number: int, process: subprocess.Popen[bytes], code: int) -> None:
        if process.stdin is not None:
            process.stdin.close()
        if code == DISK_FULL:
            self.disk_full = True
            return
        if code == 0:
            return
        cause = _cause(code)
        run = self._held_by(process.pid)
        if run is None:
            self._idle_deaths[number] += 1
            if self._idle_deaths[number] >= DEATHS:
                last = self._last_line(number)
                raise RuntimeError(
                    f"workers end before they take a run ({cause}): {self._log(number)} ends with {last!r}"
                )
        else:
            del self._idle_deaths[number]
            try:
                self._note_death(run, cause)
            except OSError as error:
                self._tell(
                    f"{run.directory}: its worker was ended ({cause}), and that cannot be noted: {error.strerror}"
                )
                self.disk_full = True
                return
        self._start(number)

    def _note_death(self, run: PlannedRun, cause: str) -> None:
        path = run_path(self._out, run)
        epoch = len(read_rows(path)) + 1
        self._deaths[run.directory, epoch] += 1
        times = self._deaths[run.directory, epoch]
        if times < DEATHS:
            self._tell(f"{run.directory}: its worker was ended in epoch {epoch} ({cause}); another one continues it")
            return
        try:
            with RunDirectory(path).open(run.config):
                note_failure(path, f"its workers were ended {times} times in epoch {epoch} (at last: {cause})")
        except Busy:
            return

    def _held_by(self, process: int) -> PlannedRun | None:
        """The run that a process held when it died."""
        holder = socket.gethostname(), process
        for run in self._runs:
            path = run_path(self._out, run)
            if read_holder(path) == holder and not _is_over(path, run):
                return run
        return None

    def _last_line(self, number: int) -> str:
        lines = self._log(number).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end_all(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self._processes.clear()


def _is_over(path: Path, run: PlannedRun) -> bool:
    failure = read_failure(path)
    failed = failure is not None and not failure.get("retry")
    return failed or RunDirectory(path).finished_epochs() == run.config.epochs


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, which the system sends where memory runs out" if name == "SIGKILL" else name
