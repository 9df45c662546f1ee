"""What the user sees: bars on a terminal, which go when they are done, and lines that stay, there and anywhere else."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from typing_extensions import Self


class Console:
    """A context with a bar for samples, which prints the warnings of libraries as its own; lines need no context.

    Args:
        out, err: where lines and warnings go; the standard streams by default.
        above: names of the bars above that of the samples, which are hidden until they are updated.
    """

    def __init__(
        self, out: RichConsole | None = None, err: RichConsole | None = None, above: Sequence[str] = ()
    ) -> None:
        self._out = out or RichConsole(highlight=False, soft_wrap=True)
        self._err = err or RichConsole(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._out,
            transient=True,
            disable=not self._out.is_terminal,
        )
        *self._above, self._samples = (
            self._bars.add_task(name, total=None, visible=False) for name in (*above, "samples")
        )

    def __enter__(self) -> Self:
        self._bars.start()
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.showwarning = lambda message, *where, **more: self.warn(str(message))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warnings.__exit__(kind, error, trace)
        self._bars.stop()

    def tick(self, samples: int, total: int) -> None:
        """So many samples of a total are done."""
        self._bars.update(self._samples, completed=samples, total=total, visible=True)

    def line(self, text: str = "") -> None:
        """Prints one line, as it is."""
        self._bars.console.print(escape(text), soft_wrap=True)

    def show(self, table: Table) -> None:
        """Prints a table."""
        self._bars.console.print(table)

    def warn(self, sentence: str) -> None:
        """Prints a warning to the error stream."""
        self._err.print(f"[yellow]warning:[/yellow] {escape(sentence)}", soft_wrap=True)
