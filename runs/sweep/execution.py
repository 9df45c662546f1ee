"""Runs a sweep: prepares its directory, lets the chosen executor work on it, and tells how it ended."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console as RichConsole

from runs.config import ConfigError
from runs.sweep.board import Board
from runs.sweep.folder import one_at_a_time, prepare, run_path
from runs.sweep.listing import tell_notes
from runs.sweep.local import LocalWorkers
from runs.sweep.plan import PlannedRun, Sweep
from runs.sweep.status import request_retry
from runs.sweep.worker import DiskFull, run_worker, say

if TYPE_CHECKING:
    from runs.sweep.slurm import SlurmOptions

Executor = Literal["local", "inline", "slurm"]


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    executor: Executor = "local",
    workers: int | None = None,
    threads: int = 1,
    retry: bool = False,
    slurm: SlurmOptions | None = None,
    console: RichConsole | None = None,
) -> int:
    """Trains all runs of a sweep that are not finished, and returns 0 if all are in the end, else 1.

    Args:
        sweep: what to run.
        out: its directory; a sweep there is continued.
        executor: worker processes on this machine, this process itself, or jobs of Slurm.
        workers: how many at a time; by default as many as there are cores for.
        threads: of each worker. This process itself keeps its own.
        retry: try runs again that failed; else they are listed only.
        slurm: what Slurm's jobs ask for.
        console: where it is shown.

    Raises:
        ConfigError: `out` holds another sweep, or workers or threads are below 1.
        RuntimeError: workers end before they take a run.
    """
    count = worker_count(executor, workers, threads, len(sweep.runs))
    runs = prepare(sweep, out)
    console = console or RichConsole(highlight=False, soft_wrap=True)
    tell_notes(sweep, console)
    if retry:
        with one_at_a_time(out):
            for run in runs:
                request_retry(run_path(out, run))
    if executor == "slurm":
        from runs.sweep.slurm import SlurmOptions, submit

        return submit(out, workers, threads, slurm or SlurmOptions(), console)
    with Board(out, runs, count, console) as board:
        full = _work(out, runs, executor, count, threads, board)
    return tell_end(out, runs, full, board)


def worker_count(executor: Executor, workers: int | None, threads: int, runs: int) -> int:
    """How many workers there are: as many as asked for, or as there are cores, but not more than runs.

    Raises:
        ConfigError: workers or threads are below 1.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and value < 1:
            raise ConfigError(f"--{name} is {value}: give 1 or more")
    if executor == "inline":
        return 1
    return max(1, min(workers or cores() // threads, runs))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(
    out: Path, runs: tuple[PlannedRun, ...], executor: Executor, workers: int, threads: int, board: Board
) -> bool:
    """Whether the disk was full."""
    if executor == "inline":
        log = out / "logs" / f"{socket.gethostname()}-inline.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab", buffering=0) as stream:
            try:
                run_worker(out, tell=lambda line: say(line, stream.fileno()))
            except DiskFull:
                return True
        return False
    local = LocalWorkers(out, runs, workers, threads, board.warn)
    if any(board.status(run).state in ("waiting", "running") for run in runs):
        local.work()
    return local.disk_full


def tell_end(out: Path, runs: tuple[PlannedRun, ...], full: bool, board: Board) -> int:
    """Says what is done, what failed and why, and what is left; 0 if all is done, else 1."""
    failed = [run for run in runs if board.status(run).state == "failed"]
    finished = sum(board.status(run).state == "finished" for run in runs)
    board.line(f"{finished} of {len(runs)} runs are done, in {out}")
    for run in failed:
        failure = board.status(run).failure or {}
        times = failure.get("attempts", 1)
        tries = f" ({times} times)" if times != 1 else ""
        board.line(f"  failed{tries}: {run.directory}: {failure.get('sentence')}")
    if failed:
        board.line("the same command with --retry tries these again; failed.json in their directories tells more")
    if full:
        board.warn(f"the disk of {out} is full: make room and give the same command with --retry; no epoch is lost")
    elif finished + len(failed) < len(runs):
        board.line(f"{len(runs) - finished - len(failed)} are left, perhaps to workers elsewhere")
    elif finished == len(runs):
        board.line(f"lava-dt report {out} writes what they found")
    return 0 if finished == len(runs) else 1
