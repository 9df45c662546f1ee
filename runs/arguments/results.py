"""The commands whose work begins and ends with run directories: `lava-dt demo`, `report` and `query`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from runs.arguments.command import Command, Flag, OptionalPath


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo(Command):
    """Train both models at several steps on shipped data, compare, export to Lava and check the spikes (3 minutes)."""

    out: Path = Path("demo")
    """where runs and report go; a demo that was stopped is continued"""

    def run(self) -> int:
        from runs.demo import run_demo

        return run_demo(self.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Command):
    """Write report.html and report.md from run directories."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """directories that hold runs, at any depth"""
    out: OptionalPath = None
    """directory of the report (default: the first of the directories)"""
    traces: Literal["auto", "yes", "no"] = "auto"
    """show a test recording on its way through the networks; auto: where there are at most 120 runs"""
    csv: Flag = False
    """write runs.csv, epochs.csv and summary.csv beside it"""
    tensorboard: OptionalPath = None
    """write every run's metrics into this directory, for tensorboard --logdir"""

    def run(self) -> int:
        from runs.commands import report
        from runs.results.export import export

        code = report(self.runs, self.out, {"auto": None, "yes": True, "no": False}[self.traces])
        export(self.runs, self.out or self.runs[0] if self.csv else None, self.tensorboard)
        return code


@dataclasses.dataclass(frozen=True, kw_only=True)
class Query(Command):
    """Ask run directories in SQL (DuckDB).

    Tables: runs (a row a run: directory, experiment, every setting, epochs_done, finished, failure, environment),
    epochs (a row a run and epoch: directory and every metric), summary (a row a configuration: what its seeds say).
    """

    sql: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SQL", help_behavior_hint="")]
    """such as "SELECT model, bins, avg(test_accuracy) FROM runs JOIN epochs USING (directory) GROUP BY ALL" """
    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DIR", help_behavior_hint="")]
    """directories that hold runs, at any depth"""
    csv: OptionalPath = None
    """write the answer into this file instead"""

    def run(self) -> int:
        from runs.results.query import run_query

        return run_query(self.sql, self.runs, self.csv)
