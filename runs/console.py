"""What the user sees: bars on a terminal, one plain line an epoch anywhere else."""

from __future__ import annotations

import warnings
from types import TracebackType

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from runs.config import AnyConfig
from runs.directory import Row


class Console:
    """Watches runs: nested bars for runs, epochs and samples, which go when they are done, and lines that stay.

    Args:
        runs: how many runs are to come.
        out, err: where lines and warnings go; the standard streams by default.
    """

    def __init__(self, runs: int = 1, out: RichConsole | None = None, err: RichConsole | None = None) -> None:
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
        self._runs: TaskID | None = self._bars.add_task("runs", total=runs) if runs > 1 else None
        self._epochs = self._bars.add_task("epochs", total=None, visible=False)
        self._samples = self._bars.add_task("samples", total=None, visible=False)

    def __enter__(self) -> Console:
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

    def line(self, text: str = "") -> None:
        """Prints one line, as it is."""
        self._bars.console.print(escape(text), soft_wrap=True)

    def show(self, table: Table) -> None:
        """Prints a table."""
        self._bars.console.print(table)

    def start_run(self, config: AnyConfig, done: int) -> None:
        self._bars.update(self._epochs, completed=done, total=config.epochs, description=name_run(config), visible=True)
        if done:
            self.line(f"{name_run(config)}: continuing after epoch {done} of {config.epochs}")

    def tick(self, samples: int, total: int) -> None:
        self._bars.update(self._samples, completed=samples, total=total, visible=True)

    def end_epoch(self, config: AnyConfig, row: Row) -> None:
        self._bars.update(self._epochs, completed=row["epoch"])
        self._bars.reset(self._samples)
        self.line(f"{name_run(config)}: {epoch_text(config, row)}")

    def end_run(self, config: AnyConfig) -> None:
        self._bars.update(self._epochs, visible=False)
        self._bars.update(self._samples, visible=False)
        if self._runs is not None:
            self._bars.advance(self._runs)

    def warn(self, sentence: str) -> None:
        self._err.print(f"[yellow]warning:[/yellow] {escape(sentence)}", soft_wrap=True)


def name_run(config: AnyConfig) -> str:
    """A run in a few words: its model and its step."""
    return f"{config.kind()}, {config.step_text()}"


def epoch_text(config: AnyConfig, row: Row) -> str:
    """The metrics of one epoch in one line; classes whose neuron never fires are told where there are any."""
    dead = int(row.get("test_dead_classes", 0))
    classes = f" ({dead} dead class{'es' if dead != 1 else ''})" if dead else ""
    return (
        f"epoch {row['epoch']}/{config.epochs}  train {row['train_accuracy']:.1%}  test {row['test_accuracy']:.1%}  "
        f"loss {row['train_loss']:.3g}  silent labels {row['test_silent_labels']:.1%}{classes}  {row['seconds']:.1f} s"
    )
