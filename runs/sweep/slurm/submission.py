"""Puts the workers of a sweep into Slurm's queue, once."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runs.config import ConfigError
from runs.files import write_json
from runs.sweep.slurm.options import SlurmOptions
from runs.sweep.slurm.worker import SlurmWorker

FOLDER = "slurm"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job array that was submitted.

    Args:
        job: its number.
        name: its name; a number alone may be another job's by now, on a cluster whose numbers began anew.
        workers: its size.
    """

    job: str
    name: str
    workers: int


def read_job(out: Path) -> Job | None:
    """The job array that was last submitted for the sweep in `out`; None where there was none."""
    try:
        values = json.loads((out / FOLDER / "job.json").read_text(encoding="utf-8"))
        return Job(job=str(values["job"]), name=str(values["name"]), workers=int(values["workers"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_tools() -> None:
    """Raises ImportError without submitit, RuntimeError without Slurm's commands; each says what to install."""
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise ImportError(
            "sweeps run under Slurm through submitit, which is not installed: pip install 'lava-dt[slurm]', or take "
            "--executor local"
        ) from None
    missing = [command for command in ("sbatch", "squeue", "srun") if shutil.which(command) is None]
    if missing:
        raise RuntimeError(
            f"there is no {missing[0]} here: run this on a machine that submits to a Slurm cluster, or take "
            "--executor local"
        )


def submit_workers(
    out: Path, name: str, workers: int, threads: int, options: SlurmOptions, environment: dict[str, str]
) -> Job:
    """Submits a job array of `workers` workers for the sweep in `out`, named after it, and notes it there.

    Raises:
        ConfigError: Slurm does not know the partition, or refuses the options in another way.
        RuntimeError: Slurm cannot be reached.
    """
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError

    name = f"lava-dt-{name}"
    parameters = options.parameters(name, workers, threads, environment)
    executor = SlurmExecutor(out / FOLDER, max_num_timeout=options.requeues)
    executor.update_parameters(**parameters)
    worker = SlurmWorker(out=out, threads=threads)
    try:
        with _outside_any_job(), redirect_stderr(io.StringIO()):  # what sbatch says is told below
            tasks = executor.submit_array([worker] * workers)
    except FailedJobError as error:
        raise _refused(str(error), options) from None
    job = Job(job=tasks[0].job_id.split("_")[0], name=name, workers=workers)
    write_json(out / FOLDER / "job.json", {"format": _FORMAT, **asdict(job)})
    return job


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Keeps a second command from submitting the same sweep meanwhile.

    Raises:
        ConfigError: another command is submitting it, or the file system has no locks.
    """
    import fcntl

    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    with (out / FOLDER / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                raise ConfigError(f"another command is submitting the sweep in {out}: wait for it") from None
            raise ConfigError(
                f"{out} cannot be locked ({error.strerror}), and workers keep apart by locks: give --out a directory "
                "on a file system that has them"
            ) from None
        yield


def _refused(said: str, options: SlurmOptions) -> Exception:
    lines = [line.split("error: ", 1)[-1].strip().rstrip(".") for line in said.splitlines() if line.strip()]
    reason = lines[0] if lines else "it did not say why"
    if "partition" in said.lower() and options.partition is not None:
        return ConfigError(
            f"Slurm has no partition {options.partition!r} for these workers ({reason}): "
            f"give --slurm-partition one of {_partitions()}"
        )
    if "contact" in said.lower() or "connect" in said.lower():
        return RuntimeError(f"Slurm cannot be reached ({reason}): see whether sinfo answers here, and try again")
    return ConfigError(f"Slurm does not take these workers ({reason}): change the --slurm options")


def _partitions() -> str:
    answer = subprocess.run(["sinfo", "--noheader", "--format=%R"], capture_output=True, text=True, timeout=60)
    return ", ".join(sorted(set(answer.stdout.split()))) or "those that sinfo lists"


@contextmanager
def _outside_any_job() -> Iterator[None]:
    """Without the variables of the job in which this command itself may run: sbatch would take them for wishes."""
    kept = ("SLURM_CONF", "SLURM_CLUSTERS")
    hidden: dict[str, Any] = {}
    if "SLURM_JOB_ID" in os.environ:
        inherited = [key for key in os.environ if key.startswith(("SLURM_", "SRUN_", "SLURMD_")) and key not in kept]
        hidden = {key: os.environ.pop(key) for key in inherited}
    try:
        yield
    finally:
        os.environ.update(hidden)
