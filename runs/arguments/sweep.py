"""`lava-dt sweep`: many runs from one file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from runs.arguments.command import NO_DEFAULT, Command, Count, Flag, OptionalPath

_File = Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[CONFIG.toml]", help_behavior_hint="")]
_Name = Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="")]
_DATA = tyro.conf.arg(metavar="DIR|NAME=DIR", help_behavior_hint="")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Command):
    """Train all runs of a sweep file, several at a time; a sweep that was stopped is continued.

    Exit code 0: all runs are done; 1: some failed.
    """

    config: _File = None
    """a sweep file"""
    preset: _Name = None
    """a sweep that comes along, instead of a file"""
    quick: Flag = False
    """the sweep's small size"""
    out: OptionalPath = None
    """directory of the sweep (default: results/<name of the sweep>)"""
    data: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], _DATA] = ()
    """folder of the data set, or of each by its name: --data mnist=DIR --data nmnist=DIR (default: the small shipped
    sets)"""
    workers: Count = None
    """runs at a time (default: cores / threads)"""
    threads: int = 1
    """threads of each worker"""
    executor: Literal["local", "inline", "slurm"] = "local"
    """worker processes, this very process, or jobs of Slurm"""
    slurm_partition: _Name = None
    """partition of the jobs (default: the cluster's)"""
    slurm_minutes: int = 120
    """time limit of a job; one that reaches it is queued again and continues"""
    slurm_cpus: Count = None
    """cores of a worker (default: its threads)"""
    slurm_memory: Annotated[float | None, tyro.conf.arg(metavar="GB", help_behavior_hint="")] = None
    """memory of a worker (default: the cluster's)"""
    slurm_requeues: int = 100
    """how often a worker that reached its limit is queued again"""
    slurm_at_once: Count = None
    """workers that may run at the same time (default: all)"""
    slurm_options: Annotated[tuple[str, ...], NO_DEFAULT] = ()
    """more options of sbatch, as account=abc or exclusive"""
    slurm_setup: Annotated[tuple[str, ...], NO_DEFAULT] = ()
    """lines of shell that a job runs first, as "module load python\""""
    slurm_detach: Flag = False
    """leave the jobs to the queue, and do not watch them"""
    retry: Flag = False
    """try failed runs again"""
    plan: Flag = False
    """list the runs and the time they are expected to take, and do nothing"""

    def run(self) -> int:
        from runs.sweep.command import sweep

        return sweep(self)
