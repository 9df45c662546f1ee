"""What Slurm is asked for, checked once."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from runs.config import ConfigError

# What this package sets itself; another value would undo it
_TAKEN = {
    "array": "--workers",
    "cpus-per-task": "--slurm-cpus",
    "error": "nothing, the workers' logs are in the sweep's directory",
    "job-name": "nothing, it is the sweep's name",
    "mem": "--slurm-memory",
    "open-mode": "nothing, logs are appended to",
    "output": "nothing, the workers' logs are in the sweep's directory",
    "partition": "--slurm-partition",
    "requeue": "--slurm-requeues",
    "signal": "nothing, it is how a worker hears of its limit",
    "time": "--slurm-minutes",
}


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """How the workers of a sweep run under Slurm: a job array, one task of the array a worker.

    Args:
        partition: the partition; None: the cluster's default.
        minutes: a job's time limit [min]. A worker that reaches it is put in the queue again and continues the run from
            its last checkpoint, so an epoch must fit in; between 1 and 3 hours is easy to schedule and costs little.
        cpus: cores a worker; None: as many as it has threads.
        memory: memory a worker [GB]; None: the cluster's default.
        requeues: how often a worker that reached its limit is put in the queue again; being preempted is not counted.
        at_once: how many workers may run at the same time; None: all.
        warning: how long before the limit Slurm signals a worker to stop [s]; Slurm may signal up to a minute earlier.
        options: more options of sbatch, as "account=abc" or "exclusive".
        setup: lines of shell that a job runs before its worker, as "module load python".
        detach: return when the workers are in the queue, instead of watching them.
        poll: how often Slurm is asked for the workers' states [s]; it serves everybody, so not too often.

    Raises:
        ConfigError: a number out of its range, an option that is no word or that this class sets itself.
    """

    partition: str | None = None
    minutes: int = 120
    cpus: int | None = None
    memory: float | None = None
    requeues: int = 100
    at_once: int | None = None
    warning: int = 90
    options: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    detach: bool = False
    poll: float = 15.0

    def __post_init__(self) -> None:
        if self.partition is not None and not self.partition.strip():
            raise ConfigError("--slurm-partition is empty: name a partition, or leave it out for the cluster's default")
        _check("--slurm-cpus", self.cpus, 1)
        _check("--slurm-requeues", self.requeues, 0)
        _check("--slurm-at-once", self.at_once, 1)
        if self.memory is not None and not 0 < self.memory < float("inf"):
            raise ConfigError(f"--slurm-memory is {self.memory:g}: give the gigabytes a worker may use, above 0")
        if self.warning < 1 or self.minutes * 60 < 2 * self.warning:
            least = -(-2 * max(self.warning, 1) // 60)
            raise ConfigError(
                f"--slurm-minutes is {self.minutes}, but Slurm warns a worker {self.warning} s before its limit, and "
                f"before that it needs time to train: give at least {least} minute{'s' if least > 1 else ''}"
            )
        if not self.poll > 0:
            raise ConfigError(f"Slurm cannot be asked every {self.poll:g} s: give a number above 0")
        self._extra()

    def parameters(self, name: str, workers: int, threads: int, environment: dict[str, str]) -> dict[str, Any]:
        """The parameters of submitit's Slurm executor.

        Args:
            name: the job's name.
            workers: size of the array.
            threads: threads a worker trains with.
            environment: variables that a worker needs before it imports anything.

        Raises:
            ConfigError: more threads than cores.
        """
        cpus = threads if self.cpus is None else self.cpus
        if cpus < threads:
            raise ConfigError(
                f"--threads is {threads}, but --slurm-cpus gives a worker {cpus} cores: give at least one a thread"
            )
        parameters: dict[str, Any] = {
            "job_name": name,
            "time": self.minutes,
            "cpus_per_task": cpus,
            "signal_delay_s": self.warning,
            "array_parallelism": min(workers, self.at_once or workers),
            "stderr_to_stdout": True,
            # srun takes over neither from sbatch: since Slurm 22.05 it binds a task to one core unless told again
            "srun_args": [f"--cpus-per-task={cpus}", "--open-mode=append"],
            "setup": [*(f"export {key}={shlex.quote(value)}" for key, value in environment.items()), *self.setup],
            # Slurm queues a job again that was preempted or whose node failed, also where that is not its default
            "additional_parameters": {"requeue": True, **self._extra()},
        }
        if self.partition is not None:
            parameters["partition"] = self.partition
        if self.memory is not None:
            parameters["mem"] = f"{max(1, round(self.memory * 1024))}M"
        return parameters

    def _extra(self) -> dict[str, str | bool]:
        extra: dict[str, str | bool] = {}
        for option in self.options:
            key, equals, value = option.lstrip("-").partition("=")
            if not key or key.strip() != key or " " in key or (equals and not value):
                raise ConfigError(
                    f"--slurm-options has {option!r}: write an option of sbatch as account=abc, or as exclusive where "
                    "it takes no value"
                )
            if key.replace("_", "-") in _TAKEN:
                raise ConfigError(f"--slurm-options has {option!r}: use {_TAKEN[key.replace('_', '-')]} instead")
            extra[key.replace("_", "-")] = value if equals else True
        return extra


def _check(flag: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ConfigError(f"{flag} is {value}: give {least} or more")
