"""`lava-dt demo`: the question of this project, asked of both models on shipped data, in about two minutes.

Everything it finds lies in run directories, so it can be stopped at any moment; run again it continues.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from runs.comparison import Entry, compare, read_runs
from runs.config import AnyConfig, make_config
from runs.console import Console
from runs.report.wording import MISSING, spread
from runs.training.console import TrainingConsole

_SLAYER: dict[str, Any] = {"hidden": (256,), "batch": 16, "learning_rate": 2e-3, "epochs": 6}
_BATS: dict[str, Any] = {"epochs": 5}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a demo does.

    Args:
        runs: configuration of each run, by the name of its directory.
        exported: the names of the SLAYER runs to export to Lava.
        recordings: test recordings that each of those is run on.
    """

    runs: dict[str, AnyConfig]
    exported: tuple[str, ...]
    recordings: int


def default_plan() -> Plan:
    """Both models undiscretised and at 150, 75 and 30 bins; smaller than the defaults, to suit data and time."""
    runs: dict[str, AnyConfig] = {}
    for dt in (1, 2, 4, 10):
        runs[f"slayer-dt{dt}"] = make_config("slayer", {**_SLAYER, "dt": dt})
    runs["bats-exact"] = make_config("bats", _BATS)
    for bins in (150, 75, 30):
        runs[f"bats-bins{bins}"] = make_config("bats", {**_BATS, "bins": bins})
    return Plan(runs=runs, exported=("slayer-dt1", "slayer-dt10"), recordings=4)


def run_demo(out: Path, plan: Plan | None = None, console: TrainingConsole | None = None) -> int:
    """Trains, compares, exports and reports in the directory `out`; 0, or 1 where anything differs in Lava."""
    from runs.training import train

    plan = plan or default_plan()
    began = time.monotonic()
    with console or TrainingConsole(runs=len(plan.runs)) as watcher:
        watcher.line(f"training {len(plan.runs)} networks on the shipped data, in {out}")
        for name, config in plan.runs.items():
            train(config, out / name, watcher)
        differing = [name for name in plan.exported if not _faithful(out / name, plan.recordings, watcher)]
        entries = compare(read_runs(*(out / name for name in plan.runs)))
        watcher.show(change_table(entries))
        from runs.report import write_report

        page = write_report([out / name for name in plan.runs], out)
        watcher.line(f"the report is in {page} ({time.monotonic() - began:.0f} s)")
        if differing:
            watcher.warn(
                f"Lava does not do what {' and '.join(differing)} was trained to do: the export is not faithful"
            )
    return 1 if differing else 0


def _faithful(path: Path, recordings: int, console: Console) -> bool:
    """Exports a run and tells how Lava compares; whether nothing differs."""
    from runs.parity import export_network, identical, parity_text, read_parity

    parity = read_parity(path)
    if parity is None or parity["recordings"] != recordings:
        parity = export_network(path, recordings=recordings).parity
    if parity is None:
        return True
    console.line(f"{path.name} in Lava: {parity_text(parity)}")
    return identical(parity)


def change_table(entries: Sequence[Entry]) -> Table:
    """The change in convergence rate by bins, one column a model, and the test accuracy behind it."""
    models = list(dict.fromkeys(entry.config.model for entry in entries))
    table = Table(title="change in convergence rate (test accuracy after the last epoch)", title_justify="left")
    table.add_column("bins")
    for model in models:
        table.add_column(model.upper(), justify="right")
    cells: dict[str, dict[str, str]] = {}
    for entry in entries:
        config = entry.config
        bins = "undiscretised" if config.is_baseline() else str(config.bins)
        change = "baseline" if config.is_baseline() else spread(entry.change, signed=True)
        test = spread(entry.last("test_accuracy"))
        cells.setdefault(bins, {})[config.model] = f"{change} ({test})"
    for bins, line in cells.items():
        table.add_row(bins, *(line.get(model, MISSING) for model in models))
    return table
