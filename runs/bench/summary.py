"""Results as people read them: tables, a Markdown page with a plot, and bench.json beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runs.bench.results import Record
from runs.bench.sheet import Sheet
from runs.files import write_json


def sheet_of(record: dict[str, Any]) -> Sheet:
    """The table of one race, of one measurement of memory or of an epoch."""
    title, columns, row_of = _shape(record)
    rows = [row_of(name, row) for name, row in record["entries"].items()]
    rows += [(name, *["failed"] * (len(columns) - 1)) for name in record["failed"]]
    return Sheet(title, columns, rows)


def _shape(record: Record) -> tuple[str, tuple[str, ...], Callable[[str, Record], tuple[str, ...]]]:
    """Title and columns of a record's table, and how a row of it is written."""
    section, rounds = record["case"]["section"], record["case"]["rounds"]
    if section == "memory":
        spikes = ("spikes",) if any("spikes" in row for row in record["entries"].values()) else ()
        return f"peak memory: {record['title']}", ("", "MiB", f"of {record['reference']}", *spikes), _memory_row
    if section == "epoch":
        title = f"{record['title']} (60,000 images; extrapolated from those timed where these are fewer)"
        return title, ("", "timed", "epoch [s]", "CPU [s]", "x wall", "right"), _epoch_row
    title = f"{record['title']} ({rounds} round{'s' if rounds > 1 else ''})"
    return title, ("", "wall [ms]", "shortest", "CPU [ms]", "x wall", "x CPU"), _time_row


def markdown(name: str, result: Record, about: Sequence[str], method: str) -> str:
    """The page of a benchmark: what was measured on what, the tables, and the method.

    Args:
        name: of the command.
        about: sentences on what holds for all tables.
        method: how it was measured.
    """
    machine, loads = result["machine"], result["load"]
    packages = ", ".join(f"{package} {version}" for package, version in machine["packages"].items())
    git = machine["git"]
    source = "not a checkout" if git is None else git["commit"] + (" with changes" if git["changed"] else "")
    lines = [
        f"# lava-dt bench {name}",
        "",
        f"    {result['command']}",
        "",
        f"* machine: {machine['processor']}, {machine['cores']} cores, {machine['system']}, GPU: {machine['gpu']}",
        f"* Python {machine['python']}, {packages}",
        f"* commit: {source}",
        f"* load before: {_load(loads.get('before'))}, after: {_load(loads.get('after'))}",
        *(f"* {sentence}" for sentence in about),
        "",
        *_failures(result),
        "![](bench.svg)",
        "",
        *(sheet_of(record).markdown() for record in measurements(result)),
        "## How it was measured",
        "",
        method,
    ]
    return "\n".join(lines)


def measurements(result: Record) -> list[Record]:
    """All records but the checks, in the order in which they are shown."""
    return [*result["races"], *result.get("epochs", []), *result["memory"]]


def write_results(path: Path, result: Record, page: Callable[[Record], str], picture: Callable[[Record], str]) -> None:
    """Writes bench.json, bench.md and bench.svg into the directory, which is made where it is not there."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "bench.json", result)
    (path / "bench.md").write_text(page(result), encoding="utf-8")
    (path / "bench.svg").write_text(picture(result), encoding="utf-8")


def _time_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return (name, *(_milliseconds(row[key]) for key in ("wall", "wall_min", "cpu")), *_ratios(row))


def _ratios(row: Record) -> tuple[str, str]:
    wall, cpu = (f"{row[key]:.1f}" if key in row else "" for key in ("wall_ratio", "cpu_ratio"))
    return wall, cpu


def _memory_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    above = "" if row["reset"] else " at most"
    spikes = (f"{row['spikes']:,}",) if "spikes" in row else ()
    return name, f"{row['mib']:.0f}{above}", "" if row["ratio"] is None else f"{row['ratio']:.2f}", *spikes


def _epoch_row(name: str, row: Record) -> tuple[str, ...]:
    seconds = (f"{row[key]:.1f}" for key in ("epoch", "epoch_cpu"))
    return name, f"{row['images']:,}", *seconds, _ratios(row)[0], f"{row['right']:.1%}"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.{2 if seconds < 0.01 else 1 if seconds < 0.1 else 0}f}"


def _load(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _failures(result: dict[str, Any]) -> list[str]:
    found = {}
    for check in (*result["checks"], *measurements(result)):
        for name, why in check["failed"].items():
            found[name, check.get("title", check.get("case"))] = why
    lines = [f"* **{name}** could not take part ({title}): {why}" for (name, title), why in found.items()]
    return [*lines, ""] if lines else []
