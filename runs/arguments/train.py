"""`lava-dt train`: a flag for every key of a configuration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import tyro

from runs.arguments.command import Command, Flag, OptionalPath
from runs.flags import flags_of

if TYPE_CHECKING:
    BatsFlags: TypeAlias = dict[str, Any]
    SlayerFlags: TypeAlias = dict[str, Any]
    ClockedFlags: TypeAlias = dict[str, Any]
else:
    BatsFlags = Annotated[flags_of("bats"), tyro.conf.arg(name="")]
    SlayerFlags = Annotated[flags_of("slayer"), tyro.conf.arg(name="")]
    ClockedFlags = Annotated[flags_of("clocked"), tyro.conf.arg(name="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """What training takes, whatever the model."""

    out: OptionalPath = None
    """directory of the run (default: results/..., named after the model and its step); a run there is continued"""
    config: OptionalPath = None
    """TOML file with any of the keys below; flags override it"""
    download: Flag = False
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
class TrainClocked(TrainCommand):
    """Train clock-driven neurons on rate-coded MNIST, through their spike times."""

    flags: ClockedFlags = dataclasses.field(default_factory=dict)

    def run(self) -> int:
        return self._train("clocked", dict(self.flags))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train one network; a run that was stopped is continued."""

    model: (
        Annotated[TrainBats, tyro.conf.subcommand("bats")]
        | Annotated[TrainSlayer, tyro.conf.subcommand("slayer")]
        | Annotated[TrainClocked, tyro.conf.subcommand("clocked")]
    )
