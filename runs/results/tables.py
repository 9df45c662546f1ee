"""Runs as tables of a database in memory (DuckDB), for SQL and CSV."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runs.comparison import Entry
from runs.config import ConfigError
from runs.results.gathering import gather
from runs.results.reading import find_runs
from runs.results.summary import summary_lines

if TYPE_CHECKING:
    import duckdb

_READ = (
    "read_json({file}, format='newline_delimited', ignore_errors=true, sample_size=-1, "
    "maximum_object_size=33554432, map_inference_threshold=-1, field_appearance_threshold=0)"
)
_NO_EPOCH = '{"number": -1, "line": 1, "epoch": 1}\n'
_GATHERED = "SELECT * FROM {source}"
_EPOCHS = """
    WITH lines AS (
        SELECT *, row_number() OVER earlier = line AND epoch = line AS whole FROM {source}
        WINDOW earlier AS (PARTITION BY number ORDER BY line)
    ), kept AS (
        SELECT * FROM lines
        QUALIFY bool_and(whole) OVER (PARTITION BY number ORDER BY line)
    )
    SELECT directory, kept.* EXCLUDE (number, line, whole) FROM kept JOIN gathered USING (number)
    ORDER BY number, epoch
"""
_RUNS = """
    WITH counted AS (SELECT directory, count(*) AS epochs_done FROM epochs GROUP BY directory)
    SELECT
        directory, array_to_string(experiments, ', ') AS experiment, experiments, config.* EXCLUDE (format),
        coalesce(epochs_done, 0) AS epochs_done, epochs_done IS NOT NULL AND epochs_done >= config.epochs AS finished,
        failure, environment
    FROM gathered LEFT JOIN counted USING (directory)
    ORDER BY number
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The rows that a query gave, with the names of their columns."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Tables:
    """The runs at or below some paths, as these tables:

    runs: one row a run: directory, experiment (names, joined by ", ", "" of a loose run), experiments (a list), every
    key of the configurations, epochs_done, finished, failure (why it failed, if it did), environment (a struct:
    environment.python, environment.packages.numpy, environment.git.commit ...). epochs: one row a run and epoch:
    directory and every metric. summary: one row a configuration, as runs.results.summary has it.

    damaged: runs that are in no table, as their config.json is no JSON.

    Keys and metrics that only some runs have are NULL in the others. Lines of metrics behind a damaged one do not
    count, as they do not in reports.

    Args:
        paths: directories that hold runs, at any depth.
        entries: the same runs, compared; without them there is no table `summary`.

    Raises:
        ConfigError: there is no such directory, or no run in it.
        ImportError: DuckDB is missing.
    """

    def __init__(self, paths: Sequence[Path], entries: Iterable[Entry] | None = None) -> None:
        missing = [path for path in paths if not path.is_dir()]
        if missing:
            raise ConfigError(f"there is no directory {missing[0]}: pass one that holds runs, such as results or demo")
        where = ", ".join(map(str, paths))
        found = find_runs(*paths)
        if not found:
            raise ConfigError(f"there is no run in {where or 'no directory'}: pass directories that hold some")
        self._database = _database()
        self.names = ("runs", "epochs") if entries is None else ("runs", "epochs", "summary")
        with tempfile.TemporaryDirectory(prefix="lava-dt-") as folder:
            self._load(found, Path(folder), where)
            if entries is not None:
                self._load_summary(entries, Path(folder))

    def __enter__(self) -> Tables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def query(self, sql: str) -> Answer:
        """What SQL says of the tables. From now on all files are out of its reach, for reading and for writing.

        Raises:
            ConfigError: it is no SQL, names what is not there, or reaches for files; in one sentence.
        """
        import duckdb

        database = self._database
        database.execute("SET enable_external_access = false")
        try:
            if not database.extract_statements(sql):
                raise ConfigError('the query is empty: ask something, such as "SELECT * FROM runs"')
            database.execute(sql)
            columns = tuple(column[0] for column in database.description or ())
            return Answer(columns=columns, rows=database.fetchall() if columns else [])
        except duckdb.PermissionException:
            raise ConfigError(
                f"the query reaches for a file: {self._hint()}; --csv FILE writes what it gives"
            ) from None
        except duckdb.CatalogException as error:
            raise ConfigError(f"the query failed: {_sentence(error)}; {self._hint()}") from None
        except duckdb.Error as error:
            raise ConfigError(f"the query failed: {_sentence(error)}") from None

    def _hint(self) -> str:
        return "ask the tables runs, epochs, summary"

    def write_csv(self, out: Path) -> list[Path]:
        """Writes every table into the directory `out`, as runs.csv, epochs.csv and summary.csv; before any query."""
        out.mkdir(parents=True, exist_ok=True)
        written = []
        for name in self.names:
            file, part = out / f"{name}.csv", out / f"{name}.csv.part"
            self._database.execute(f"COPY {name} TO {_quoted(part)} (HEADER)")
            os.replace(part, file)
            written.append(file)
        return written

    def _load(self, found: list[Path], folder: Path, where: str) -> None:
        runs, epochs = folder / "runs.jsonl", folder / "epochs.jsonl"
        self.damaged = gather(found, runs, epochs)
        if runs.stat().st_size == 0:
            raise ConfigError(f"no configuration of the runs in {where} can be read: remove the damaged ones")
        with epochs.open("a", encoding="utf-8") as file:
            file.write(_NO_EPOCH)  # without a whole line there would be no columns
        for name, statement in (("gathered", _GATHERED), ("epochs", _EPOCHS), ("runs", _RUNS)):
            source = {"gathered": runs, "epochs": epochs}.get(name)
            self._database.execute(f"CREATE TABLE {name} AS {statement.format(source=_source(source))}")
        self._database.execute("DROP TABLE gathered")

    def _load_summary(self, entries: Iterable[Entry], folder: Path) -> None:
        file = folder / "summary.jsonl"
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(summary_lines(entries))
        if file.stat().st_size == 0:
            file.write_text('{"experiment": null}\n', encoding="utf-8")
        self._database.execute(f"CREATE TABLE summary AS SELECT * FROM {_source(file)} WHERE experiment IS NOT NULL")


def _database() -> duckdb.DuckDBPyConnection:
    """An empty database that does not take Python's variables for tables."""
    try:
        import duckdb
    except ImportError:
        raise ImportError("queries and CSV files need DuckDB: pip install duckdb") from None
    return duckdb.connect(config={"python_enable_replacements": False})


def _source(file: Path | None) -> str:
    """A file of JSON lines as a table; every line is looked at for its keys, and damaged ones are passed over."""
    return "" if file is None else _READ.format(file=_quoted(file))


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _sentence(error: Exception) -> str:
    """DuckDB's own words without the picture of where it is."""
    text = str(error).split("\n\nLINE")[0]
    return "; ".join(line.strip() for line in text.splitlines() if line.strip() and "pg_" not in line)
