"""What a report is busy with, for those who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

Tell = Callable[[str], None]


def untold(stage: str) -> None:
    """Nobody waits."""


@contextmanager
def told(console: Console | None = None) -> Iterator[Tell]:
    """What takes the name of each stage as it begins: a line that changes on a terminal; elsewhere nothing is shown."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        yield untold
        return
    with console.status("starting") as status:
        yield lambda stage: status.update(escape(stage))
