"""`lava-dt query`: SQL over run directories."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from runs.comparison import compare
from runs.config import ConfigError
from runs.results.answers import show
from runs.results.reading import read_runs
from runs.results.tables import Answer, Tables


def run_query(sql: str, paths: Sequence[Path], file: Path | None, out: Console | None = None) -> int:
    """Shows what SQL says of the runs at or below the paths, or writes it into a CSV file.

    Raises:
        ConfigError: no runs, a query that fails, or a file that cannot be written.
    """
    if not paths:
        raise ConfigError('lava-dt query needs directories with runs: lava-dt query "SELECT * FROM runs" results')
    entries = compare(read_runs(*paths)) if re.search(r"\bsummary\b", sql, re.IGNORECASE) else None
    with Tables(paths, entries) as tables:
        answer = tables.query(sql)
    console = out or Console(highlight=False, soft_wrap=True)
    if file is None:
        show(answer, console)
        return 0
    write_answer(answer, file)
    console.print(f"wrote {len(answer.rows)} row{'s' * (len(answer.rows) != 1)} into {file}")
    return 0


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
