"""The commands and what each takes; their work is imported when they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import tyro

from runs.flags import flags_of

if TYPE_CHECKING:
    BatsFlags: TypeAlias = dict[str, Any]
    SlayerFlags: TypeAlias = dict[str, Any]
else:
    BatsFlags = Annotated[flags_of("bats"), tyro.conf.arg(name="")]
    SlayerFlags = Annotated[flags_of("slayer"), tyro.conf.arg(name="")]

_Flag = tyro.conf.FlagCreatePairsOff[bool]
_Path = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """What every command takes."""

    debug: _Flag = False
    """show where an error came from"""

    def run(self) -> int:
        """Does the command's work; the exit code."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """What training takes, whatever the model."""

    out: _Path = None
    """directory of the run (default: results/..., named after the model and its step); a run there is continued"""
    config: _Path = None
    """TOML file with any of the keys below; flags override it"""
    download: _Flag = False
    """first fetch the public data set into --data, where it is not there"""

    def _train(self, model: str, flags: dict[str, Any]) -> int:
        from runs.commands import train_one

        return train_one(model, self.config, flags, self.out, self.download)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainBats(TrainCommand):
    """Train BATS on MNIST, in exact time or on a grid."""

    flags: BatsFlags = dataclasses.field(default_factory=dict)

    def run(self) -> int:
        return self._train("bats", dict(self.flags))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSlayer(TrainCommand):
    """Train a SLAYER (lava-dl CuBa) network on N-MNIST at any step."""

    flags: SlayerFlags = dataclasses.field(default_factory=dict)

    def run(self) -> int:
        return self._train("slayer", dict(self.flags))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train one network; a run that was stopped is continued."""

    model: Annotated[TrainBats, tyro.conf.subcommand("bats")] | Annotated[TrainSlayer, tyro.conf.subcommand("slayer")]


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
    out: _Path = None
    """directory of the report (default: the first of the directories)"""

    def run(self) -> int:
        from runs.commands import report

        return report(self.runs, self.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(Command):
    """Export a trained SLAYER run to a lava-dl .net file, and check Lava's spikes against the network's."""

    run_dir: tyro.conf.Positional[Path]
    """directory of a SLAYER run"""
    out: _Path = None
    """the file (default: export/network.net in the run's directory)"""
    recordings: int = 2
    """test recordings to run in Lava for the check; 0 for none"""

    def run(self) -> int:
        from runs.commands import export

        return export(self.run_dir, self.out, self.recordings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(Command):
    """Say what is installed, patched and usable, and run ten steps of a network through Lava."""

    timeout: float = 60.0
    """seconds to wait for Lava"""

    def run(self) -> int:
        from runs.doctor import run_doctor

        return run_doctor(self.timeout)


_COMMANDS = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def parse(arguments: Sequence[str] | None = None) -> Command:
    """The command that was typed; exits as tyro does, with 2 where it is none."""
    chosen = tyro.cli(
        _COMMANDS,  # type: ignore[arg-type]
        prog="lava-dt",
        description="The simulation timestep of spiking networks: train at any dt, compare, export to Lava.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    return chosen.model if isinstance(chosen, Train) else chosen
