"""The commands whose work begins and ends with run directories: `lava-dt demo` and `report`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tyro

from runs.arguments.command import Command, OptionalPath


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

    def run(self) -> int:
        from runs.commands import report

        return report(self.runs, self.out)
