"""The answer of a query on a terminal: a table or, where it is too wide for one, a block of lines a row."""

from __future__ import annotations

import math
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runs.results.tables import Answer

MOST = 200
_SPACE = 3  # what a column takes beside its text
_NULL = "\u2013"


def show(answer: Answer, console: Console) -> None:
    """Prints the first rows, and how many there are where these are not all; a file gets lines as long as they are."""
    cells = [[text(value) for value in row] for row in answer.rows[:MOST]]
    widths = [max(map(cell_len, column)) for column in zip(answer.columns, *cells, strict=True)]
    needed = sum(widths) + _SPACE * len(widths) + 1
    if needed > console.width and console.is_terminal:
        _blocks(answer, cells, console)
    else:
        console.width = max(needed, console.width)
        console.print(_table(answer, cells))
    total = len(answer.rows)
    if total > MOST:
        console.print(f"the first {MOST} of {total} rows; --csv FILE writes all of them")


def text(value: Any) -> str:
    """A value as a cell: numbers with six digits, lists as they are typed."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " ".join(map(text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {text(part)}" for name, part in value.items() if part is not None)
    return str(value)


def _table(answer: Answer, cells: list[list[str]]) -> Table:
    table = Table(header_style="bold")
    for number, name in enumerate(answer.columns):
        numeric = all(isinstance(row[number], int | float | None) for row in answer.rows[:MOST])
        table.add_column(escape(name), justify="right" if numeric else "left", no_wrap=True)
    for row in cells:
        table.add_row(*map(escape, row))
    return table


def _blocks(answer: Answer, cells: list[list[str]], console: Console) -> None:
    widest = max(map(cell_len, answer.columns))
    for number, row in enumerate(cells, 1):
        console.print(f"[bold]row {number}[/bold]")
        for name, cell in zip(answer.columns, row, strict=True):
            console.print(f"  {escape(name.ljust(widest))}  {escape(cell)}", soft_wrap=True)
