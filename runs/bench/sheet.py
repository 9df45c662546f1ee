"""A table of text, shown on a terminal and written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True)
class Sheet:
    """Title, names of the columns, and rows of as many texts; the first column is the row's name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def rich(self) -> Table:
        table = Table(title=escape(self.title), title_justify="left", title_style="bold")
        for number, column in enumerate(self.columns):
            table.add_column(escape(column), justify="right" if number else "left", no_wrap=number > 0)
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", _line(self.columns), "| --- " + "| ---: " * (len(self.columns) - 1) + "|"]
        return "\n".join([*lines, *map(_line, self.rows)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
