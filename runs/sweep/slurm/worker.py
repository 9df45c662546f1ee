"""What one task of the job array does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any


class Ended(BaseException):
    """The job ends for good. No Exception: the run in progress has not failed, another worker may go on with it."""


@dataclass(frozen=True, kw_only=True)
class SlurmWorker:
    """Goes over the sweep in `out` as any worker does; submitit calls it in the job.

    Nothing is kept in it: what is done stands in the run directories. When Slurm warns of the time limit, submitit asks
    `checkpoint` what to call after the job has been queued again, and that is the same; the process then ends at once,
    in the middle of an epoch, and its run goes on from the checkpoint before. A job that Slurm queues again by itself
    (a preemption, a failed node, `scontrol requeue`) starts over here too, without having been asked.
    """

    out: Path
    threads: int

    def __call__(self) -> None:
        from runs.sweep import run_worker

        with _no_fault_of_the_run():
            run_worker(self.out, self.threads)

    def checkpoint(self) -> Any:
        """The call to make when the job runs again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@contextmanager
def _no_fault_of_the_run() -> Iterator[None]:
    """Keeps what submitit raises in its signal handler (too many time-outs, Slurm out of reach) from failing a run.

    Raises:
        RuntimeError: the job was not queued again, and why.
    """
    from submitit.core.job_environment import JobEnvironment

    number = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
    handle = signal.getsignal(number)

    def stop(signum: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one would interrupt the queueing
        try:
            handle(signum, frame)  # type: ignore[operator, misc]
        except Exception as error:
            raise Ended(str(error)) from error

    if callable(handle):  # in a job; elsewhere nobody is going to signal
        signal.signal(number, stop)
    try:
        yield
    except Ended as ended:
        raise RuntimeError(str(ended)) from ended
