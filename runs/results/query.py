"""`lava-dt query`: SQL over run directories."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from runs.comparison import compare
from runs.config import ConfigError
from runs.results.answers import show
from runs.results.reading import read_runs
from runs.results.tables import Answer, Tables

_MOST = 5


def run_query(
    sql: str, paths: Sequence[Path], file: Path | None, out: Console | None = None, warn_to: Console | None = None
) -> int:
    """Shows what SQL says of the runs at or below the paths, or writes it into a CSV file.

    Runs that cannot be read are left out, with a warning.

    Raises:
        ConfigError: no runs, a query that fails, or a file that cannot be written.
    """
    if not paths:
        raise ConfigError('lava-dt query needs directories with runs: lava-dt query "SELECT * FROM runs" results')
    unreadable: list[str] = []
    summed = re.search(r"\bsummary\b", sql, re.IGNORECASE)
    entries = compare(read_runs(*paths, skip=unreadable.append)) if summed else None
    with Tables(paths, entries) as tables:
        answer = tables.query(sql)
        told = " ".join(unreadable)
        files = [str(path / "config.json") for path in tables.damaged]
        unreadable += [f"{file} is not valid JSON" for file in files if file not in told]
    console = out or Console(highlight=False, soft_wrap=True)
    _warn(unreadable, warn_to or Console(stderr=True, highlight=False, soft_wrap=True))
    if file is None:
        show(answer, console)
        return 0
    write_answer(answer, file)
    console.print(f"wrote {len(answer.rows)} row{'s' * (len(answer.rows) != 1)} into {file}")
    return 0


def _warn(sentences: Sequence[str], console: Console) -> None:
    """Tells of runs that are left out, the first ones each."""
    for sentence in sentences[:_MOST]:
        console.print(f"[yellow]warning:[/yellow] a run is left out: {escape(sentence)}", soft_wrap=True)
    if len(sentences) > _MOST:
        console.print(f"[yellow]warning:[/yellow] {len(sentences) - _MOST} more are left out", soft_wrap=True)


def write_answer(answer: Answer, file: Path) -> None:
    """Writes an answer as CSV, whole or not at all; NULL is an empty cell."""
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(answer.columns)
            writer.writerows(answer.rows)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}; give another --csv") from None
