"""Many small files into two large ones, a JSON object a line, which DuckDB reads some twenty times faster.

The objects are taken as text. What is damaged stays so, and the reader of the large file passes it over.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic_core import from_json

from runs.results.sweeps import Sweeps

_LONGEST = 1 << 20  # a line that is longer is no row of metrics


def gather(paths: Iterable[Path], runs: Path, epochs: Path) -> list[Path]:
    """Writes the runs in `paths` into the files `runs` and `epochs`; those left out, whose config.json is no JSON.

    runs: {"number", "directory", "experiments", "failure", "config", "environment"}. epochs: {"number", "line"} and the
    metrics of an epoch; line: its place in metrics.jsonl, from 1.
    """
    sweeps, damaged = Sweeps(), []
    with runs.open("w", encoding="utf-8") as run_file, epochs.open("w", encoding="utf-8") as epoch_file:
        for number, path in enumerate(paths):
            known = sweeps.experiments(path)
            about = {
                "number": number,
                "directory": str(path),
                "experiments": sorted(known, key=known.__getitem__),
                "failure": _failure(_text(f"{path}/failed.json")),
            }
            config = _object(_text(f"{path}/config.json"))
            environment = _object(_text(f"{path}/environment.json")) or "null"
            if config is None:
                damaged.append(path)
                continue
            run_file.write(f'{json.dumps(about)[:-1]}, "config": {config}, "environment": {environment}}}\n')
            epoch_file.writelines(_rows(number, _text(f"{path}/metrics.jsonl")))
    return damaged


def _rows(number: int, text: str) -> Iterator[str]:
    for place, line in enumerate(text.split("\n"), 1):
        if line.startswith("{") and len(line) < _LONGEST:
            yield f'{{"number": {number}, "line": {place}, {line[1:]}\n'


def _text(file: str) -> str:
    """What a file holds; "" where there is none."""
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


@functools.lru_cache(maxsize=256)  # the runs of a sweep share their environment, or nearly all do
def _object(text: str) -> str | None:
    """A JSON object in one line; None where the text is none."""
    try:
        return text.strip().replace("\n", " ") if isinstance(from_json(text), dict) else None
    except ValueError:
        return None


def _failure(text: str) -> str | None:
    """The sentence of a run that failed."""
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        return "failed"
    return str(values.get("sentence", "failed")) if isinstance(values, dict) and values else None
