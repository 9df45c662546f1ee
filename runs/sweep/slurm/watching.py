"""From a sweep's directory to its end under Slurm: submit or find its workers, watch them, tell how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console as RichConsole
from rich.markup import escape

from runs.sweep.board import Board
from runs.sweep.execution import tell_end
from runs.sweep.expected import Expectation, duration_text
from runs.sweep.folder import read_runs, run_path
from runs.sweep.plan import PlannedRun
from runs.sweep.slurm.options import SlurmOptions
from runs.sweep.slurm.queue import ask
from runs.sweep.slurm.submission import FOLDER, Job, check_tools, only_one, read_job, submit_workers
from runs.sweep.status import read_status
from runs.sweep.worker import thread_limits

MOST_WORKERS = 32  # where nobody says how many
_LOOK = 0.5  # at the directory [s]
_DETACHED = 130
_OPEN = ("waiting", "running")


def submit(
    out: Path, workers: int | None, threads: int, options: SlurmOptions, console: RichConsole | None = None
) -> int:
    """Lets Slurm's workers train the runs of the sweep in `out` that are not finished, and watches them.

    Where workers of an earlier command are still in the queue they are watched, and none are added. Ctrl-C ends the
    watching, not the workers: they belong to the queue, as every job does; a line says how to end them.

    Args:
        out: the directory of a sweep that has been prepared; all nodes must see it under this name.
        workers: how many; never more than runs are left. None: one a run, but MOST_WORKERS at most.
        threads: of each.
        options: what is asked of Slurm.
        console: where it is shown; the standard output by default.

    Returns:
        0 if all runs are done in the end (or the workers are in the queue, with `detach`), 1 if some are not, 130 if
        the watching was stopped.

    Raises:
        ImportError: submitit is not installed.
        RuntimeError: Slurm is not, or cannot be reached.
        ConfigError: Slurm refuses the options, or the file system has no locks.
    """
    check_tools()
    out, shown = out.resolve(), console or RichConsole(highlight=False, soft_wrap=True)
    runs = read_runs(out)
    left = _left(out, runs)
    job = None
    if left:
        _warn_of_long_epochs(out, runs, options, shown)
        size = min(left, MOST_WORKERS if workers is None else workers)
        job = _find_or_submit(out, size, threads, options, shown)
        if options.detach:
            return 0
    with Board(out, runs, job.workers if job else 1, shown) as board:
        if job is not None and not _watch(job, out, runs, board, options.poll):
            return _DETACHED
    return tell_end(out, runs, False, board)


def _left(out: Path, runs: Sequence[PlannedRun]) -> int:
    """How many runs are neither finished nor failed."""
    return sum(read_status(run_path(out, run), run.config).state in _OPEN for run in runs)


def _warn_of_long_epochs(out: Path, runs: Sequence[PlannedRun], options: SlurmOptions, shown: RichConsole) -> None:
    """An epoch that does not fit into the time limit would begin again and again."""
    statuses = {run.directory: read_status(run_path(out, run), run.config) for run in runs}
    expected = Expectation(runs, 1).left(statuses)
    epochs = {run.directory: max(1, run.config.epochs - len(statuses[run.directory].rows)) for run in runs}
    longest = max(expected, key=lambda name: expected[name] / epochs[name])
    seconds, limit = expected[longest] / epochs[longest], options.minutes * 60 - options.warning
    if seconds > limit:
        shown.print(
            f"[yellow]warning:[/yellow] an epoch of {escape(longest)} may take {duration_text(seconds)}, but a worker "
            f"is stopped after {duration_text(limit)} and then begins the epoch again: give more --slurm-minutes",
            soft_wrap=True,
        )


def _find_or_submit(out: Path, workers: int, threads: int, options: SlurmOptions, shown: RichConsole) -> Job:
    with only_one(out):
        job = read_job(out)
        queued = ask(job.job, job.name) if job is not None else None
        if job is not None and queued:
            told = f"Slurm job {job.job} is already at work on this sweep, {queued.text()}; none are added"
        else:
            job = submit_workers(out, out.name, workers, threads, options, thread_limits(threads, {}))
            told = f"Slurm job {job.job}: {workers} worker{'s' if workers != 1 else ''} submitted"
    shown.print(escape(f"{told} ({_how_to_end(job)})"), soft_wrap=True)
    return job


def _watch(job: Job, out: Path, runs: Sequence[PlannedRun], board: Board, poll: float) -> bool:
    """Returns when no run is open, or nobody is left to take it; False if Ctrl-C came before."""
    asked, told, gone = float("-inf"), "", 0
    try:
        while any(board.status(run).state in _OPEN for run in runs):
            if time.monotonic() - asked >= poll:
                asked, queued = time.monotonic(), ask(job.job, job.name)
                gone = gone + 1 if queued is not None and not queued else 0
                if gone == 2:  # files of the last worker may be seen late
                    if _left(out, runs):
                        board.warn(_nobody_left(job, out))
                    return True
                text = "Slurm gives no answer" if queued is None else queued.text()
                if text != told and not gone:
                    told = text
                    board.line(f"Slurm job {job.job}: {text}")
                    if queued is not None and queued.is_stuck():
                        board.warn(_stuck(job))
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        board.line(f"stopped watching Slurm job {job.job}, which goes on ({_how_to_end(job)})")
        return False
    return True


def _how_to_end(job: Job) -> str:
    return f"scancel {job.job} ends it, the same command watches it again"


def _stuck(job: Job) -> str:
    return (
        f"Slurm will not start these workers by itself: scancel {job.job}, and give the same command with other "
        "--slurm options"
    )


def _nobody_left(job: Job, out: Path) -> str:
    """That all workers are gone, with what they said last."""
    logs = sorted((out / FOLDER).glob(f"{job.job}_*_log.out"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines() if logs else []
    if not logs:
        said = f"and they left no log: do the nodes see {out}?"
    else:
        said = f"{logs[-1]} ends with {(lines or ['nothing'])[-1]!r}"
    return (
        f"no worker of Slurm job {job.job} is left, but runs are: {said}; the same command starts new workers, which "
        "continue"
    )
