"""The commands and what each takes; their work is imported when they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import tyro

from runs.arguments.bench import Bench
from runs.arguments.command import Command
from runs.arguments.deploy import Doctor, Export, Run
from runs.arguments.explain import Explain
from runs.arguments.results import Demo, Query, Report
from runs.arguments.sweep import Sweep
from runs.arguments.train import Train
from runs.arguments.tune import Tune

_COMMANDS = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Query, tyro.conf.subcommand("query")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
    | Annotated[Tune, tyro.conf.subcommand("tune")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
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
    return chosen.model if isinstance(chosen, Train | Bench) else chosen
