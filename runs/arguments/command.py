"""What all commands take, and the kinds of their options."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

Flag = tyro.conf.FlagCreatePairsOff[bool]
Count = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
NO_DEFAULT = tyro.conf.arg(help_behavior_hint="")  # none to tell
OptionalPath = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """What every command takes."""

    debug: Flag = False
    """show where an error came from"""

    def run(self) -> int:
        """Does the command's work; the exit code."""
        raise NotImplementedError


def typed(command: Command) -> dict[str, Any]:
    """The options of a command but for those that were left to their defaults of None."""
    values = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    return {name: value for name, value in values.items() if name != "debug" and value is not None}
