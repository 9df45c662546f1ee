"""Results of any number of run directories: read, compared, queried with SQL, exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runs.results.tables import Tables


def table(paths: Sequence[Path]) -> Tables:
    """The runs at or below the paths as the tables `runs`, `epochs` and `summary` of a database in memory.

    Raises:
        ConfigError: there is no such directory, or no run in it.
        ImportError: DuckDB is missing.
    """
    from runs.comparison import compare
    from runs.results.reading import read_runs
    from runs.results.tables import Tables

    return Tables(paths, compare(read_runs(*paths)))
