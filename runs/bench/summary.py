"""Results as people read them: tables, a Markdown page with a plot, and bench.json beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runs.bench.sheet import Sheet
from runs.directory import write_json

_METHOD = """\
Every round runs each contestant once, one after the other in one process; the first round is not counted. Times are
medians over the rounds, ratios medians of the rounds' own ratios (above 1: faster than {reference}). CPU seconds are
those of all threads. A training step is zero_grad, forward, slayer.loss.SpikeRate, backward and Adam; weights are put
back before each, so that all rounds meet the same spikes. Inference is a forward pass without gradients. Inputs are
random events, made before the clock starts: "events" is a torch.sparse_coo_tensor; on the coarse clock they lie in bins
of dt already, all of them kept. "lava-dl" is at its own step, dt = 1, always; "lava-dl coarse" is lava-dl itself with
the decays and threshold of the coarser step. The plain torch loop computes in float32, without Loihi's integers. Peak
memory is that of a process of its own above its imports, input and network included.
"""


def sheet_of(record: dict[str, Any]) -> Sheet:
    """The table of one race or of one measurement of memory."""
    memory = record["case"]["section"] == "memory"
    rows = [(_memory_row if memory else _time_row)(name, row) for name, row in record["entries"].items()]
    rows += [(name, *["failed"] * (2 if memory else 5)) for name in record["failed"]]
    if memory:
        return Sheet(f"peak memory: {record['title']}", ("", "MiB", f"of {record['reference']}"), rows)
    rounds = record["case"]["rounds"]
    columns = ("", "wall [ms]", "shortest", "CPU [ms]", "x wall", "x CPU")
    return Sheet(f"{record['title']} ({rounds} round{'s' if rounds > 1 else ''})", columns, rows)


def markdown(result: dict[str, Any]) -> str:
    """The page: what was measured on what, that the spikes are equal, the tables and the method."""
    machine, loads = result["machine"], result["load"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    git = machine["git"]
    source = "not a checkout" if git is None else git["commit"] + (" with changes" if git["changed"] else "")
    method = _METHOD.format(reference="the first contestant, which is lava-dl where it takes part")
    lines = [
        "# lava-dt bench slayer",
        "",
        f"    {result['command']}",
        "",
        f"* machine: {machine['processor']}, {machine['cores']} cores, {machine['system']}, GPU: {machine['gpu']}",
        f"* threads: {machine['threads']} on both sides",
        f"* Python {machine['python']}, {packages}",
        f"* commit: {source}",
        f"* load before: {_load(loads.get('before'))}, after: {_load(loads.get('after'))}",
        f"* {_equality(result['checks'])}",
        "",
        *_failures(result),
        "![](bench.svg)",
        "",
        *(sheet_of(record).markdown() for record in (*result["races"], *result["memory"])),
        "## How it was measured",
        "",
        method,
    ]
    return "\n".join(lines)


def write_results(path: Path, result: dict[str, Any]) -> None:
    """Writes bench.json, bench.md and bench.svg into the directory, which is made where it is not there."""
    from runs.bench.plots import draw

    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "bench.json", result)
    (path / "bench.md").write_text(markdown(result), encoding="utf-8")
    (path / "bench.svg").write_text(draw(result), encoding="utf-8")


def _time_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    ratios = (f"{row[key]:.1f}" if key in row else "" for key in ("wall_ratio", "cpu_ratio"))
    return (name, *(_milliseconds(row[key]) for key in ("wall", "wall_min", "cpu")), *ratios)


def _memory_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    above = "" if row["reset"] else " at most"
    return name, f"{row['mib']:.0f}{above}", "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.{1 if seconds < 0.1 else 0}f}"


def _load(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f}"


def _equality(checks: list[dict[str, Any]]) -> str:
    networks = sum(len(check["compared"]) for check in checks)
    if not networks:
        return "no spikes were compared"
    spikes = sum(sum(check["spikes"]) * len(check["compared"]) for check in checks)
    said = (
        f"before the first race: {spikes:,} spikes in all layers of {networks} lava-dt networks, "
        "0 differ from lava-dl's"
    )
    found = [check["gradient_difference"] for check in checks if "recurrent" not in check["case"]]
    differences = [difference for difference in found if difference is not None]
    if differences:
        said += f"; weights' gradients within {max(differences):.0e} of lava-dl's, relative to each tensor's largest"
    return said


def _failures(result: dict[str, Any]) -> list[str]:
    found = {}
    for check in (*result["checks"], *result["races"], *result["memory"]):
        for name, why in check["failed"].items():
            found[name, check.get("title", check.get("case"))] = why
    lines = [f"* **{name}** could not take part ({title}): {why}" for (name, title), why in found.items()]
    return [*lines, ""] if lines else []
