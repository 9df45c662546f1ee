"""What is seen of a `lava-dt tune`: bars on a terminal, a line now and then anywhere else, then the tables."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from runs.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runs.tune.page.tables import Cell
    from runs.tune.page.tables import Table as PageTable
    from runs.tune.result import TuneResult

_SHORT = 8  # letters of a column's name up to which it stands in one line
_SILENCE = 15.0  # seconds between lines where there is no terminal
_STEPS = ("Step", "Accuracy", "Loss [points]", "Rule", "Neuron updates", "Synaptic operations")  # 80 letters wide
_TUNING = ("Step", "Rule", "Before", "After", "Gain [points]", "Loss left [points]")
_PLAIN = ("Accuracy", "Before", "After")  # without what stands below
_STYLES = {"best": "bold", "soft": "dim", "bad": "red", "chosen": "bold green", "reference": "dim"}


class TuneConsole(Console):
    """Watches a search: a bar for the candidates of a stage, and one for the samples of the one that is under way.

    Args:
        out, err: where lines and warnings go; the standard streams by default.
    """

    def __init__(self, out: RichConsole | None = None, err: RichConsole | None = None) -> None:
        super().__init__(out, err, above=("stage",))
        (self._stage,) = self._above
        self._text, self._total, self._done, self._told = "", 0, 0, time.monotonic()

    def stage(self, text: str, samples: int) -> None:
        """A stage begins, of so many samples; 0 where nobody knows."""
        self._text, self._total, self._done = text, samples, 0
        self._bars.reset(self._stage, description=escape(text), total=samples or None, visible=True)
        self._bars.reset(self._samples, total=None, visible=False)

    def advance(self, samples: int) -> None:
        """So many more of its samples are done."""
        self._done += samples
        self._bars.advance(self._stage, samples)

    def tick(self, samples: int, total: int) -> None:
        """So many of the samples of one evaluation, or of one epoch, are done."""
        super().tick(samples, total)
        now = time.monotonic()
        if not self._out.is_terminal and now - self._told > _SILENCE:
            self._told = now
            done, of = (self._done + samples, self._total) if self._total else (samples, total)
            self.line(f"{self._text}: {done:,} of {of:,} samples")

    def show(self, table: Table) -> None:
        """Prints a table, below an empty line."""
        self.line()
        super().show(table)


def show_result(console: TuneConsole, result: TuneResult, page: Path) -> None:
    """Prints the tables, what was written, and the recommendation last, where the eye is."""
    from runs.tune.page.tables import judged_table, rules_table, tuning_table
    from runs.tune.page.trials import leaders, trials

    tried = trials(result)
    if tried:
        console.show(rich_table("zero-shot accuracy by rule and step", rules_table(result, tried)))
    tuning = tuning_table(result)
    if tuning is not None:
        console.show(rich_table("fine-tuning", tuning, _TUNING))
    steps = judged_table(result, leaders(result))
    console.show(rich_table(f"{result.name} on {result.samples}", steps, _STEPS))
    for note in steps.notes:
        console.line(note)
    for note in result.notes:
        console.line(note)
    if result.parity is not None:
        console.line(f"in Lava: {result.parity}")
    for path in (*result.files.values(), page):
        console.line(f"wrote {path}")
    console.line()
    console.line(result.sentence)


def rich_table(title: str, table: PageTable, columns: Sequence[str] | None = None) -> Table:
    """A table of the page for a terminal, what stands small below a cell below it here too.

    Args:
        columns: those that are shown; None: all.
    """
    shown = Table(
        title=escape(title), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), pad_edge=False
    )
    places = [place for place, name in enumerate(table.header) if columns is None or name in columns]
    for place in places:
        name = table.header[place]
        justify: JustifyMethod = "left" if place == 0 or name == "Rule" else "right"
        head = name.replace(" ", "\n") if len(name) > _SHORT else name
        shown.add_column(escape(head), justify=justify, overflow="fold")
    for row in table.rows:
        shown.add_row(
            *(_markup(row.cells[place], table.header[place]) for place in places), style=_STYLES.get(row.kind)
        )
    return shown


def _texts(cell: Cell, column: str) -> list[str]:
    return [cell.text, cell.small] if cell.small and column not in _PLAIN else [cell.text]


def _markup(cell: Cell, column: str) -> str:
    text, *small = map(escape, _texts(cell, column))
    style = _STYLES.get(cell.kind)
    return "\n".join([f"[{style}]{text}[/{style}]" if style else text, *(f"[dim]{below}[/dim]" for below in small)])
