"""The table of a conversion: test accuracy by scheme, gain and step, before and after more training."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

from runs.bench.conversion.cells import Cell
from runs.bench.sheet import Sheet
from runs.directory import Row
from runs.files import write_json

_METHOD = """\
A network of slayer.block.cuba was trained by lava-dl alone at dt = 1 and saved by torch.save. For each cell its
state_dict was loaded into a fresh lava-dl network, which `lava_dt.discretize` converted to the step, scheme and gain of
the cell, and tested: the first number, without any training at the new step. The row "lava-dl" is the network at its
own step. A star marks cells in which the scheme took a decay beyond 1 and it was held there.
"""
_TUNED = """\
After an arrow: with {epochs} of training at the new step, by the same recipe in every cell: {recipe}. What it brings at
dt = 1 is the yardstick for the arrows.
"""


def sheet(rows: dict[Cell, Row], n_test: int) -> Sheet:
    """Accuracies in percent, one row a scheme and gain, one column a step."""
    dts = sorted({cell.dt for cell in rows} - {1})
    kinds = list(dict.fromkeys((cell.scheme, cell.gain) for cell in rows if cell.dt > 1))
    lines = [("lava-dl", _text(rows, Cell(1)), *[""] * len(dts))]
    for scheme, gain in kinds:
        found = (_text(rows, Cell(dt, scheme, gain)) for dt in dts)
        lines.append((f"{scheme.replace('_', ' ')}, {gain}", "", *found))
    title = f"test accuracy [%] of {n_test} recordings after conversion"
    return Sheet(title, ("dt", "1", *map(str, dts)), lines)


def write_table(path: Path, rows: dict[Cell, Row], about: dict[str, Any]) -> None:
    """Writes conversion.md and conversion.json into the directory."""
    listed = [{"cell": cell.name, "dt": cell.dt, "finetune": cell.finetune, **row} for cell, row in rows.items()]
    write_json(path / "conversion.json", {"format": 1, **about, "cells": listed})
    (path / "conversion.md").write_text(markdown(rows, about), encoding="utf-8")


def markdown(rows: dict[Cell, Row], about: dict[str, Any]) -> str:
    """The page: the command, the check at dt = 1, the table and how it came about."""
    baseline, n, machine = rows[Cell(1)], about["n_test"], about["machine"]
    spread = 100 * math.sqrt(baseline["test_accuracy"] * (1 - baseline["test_accuracy"]) / n)
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    commit = "not a checkout" if machine["git"] is None else machine["git"]["commit"]
    return "\n".join(
        [
            "# lava-dt bench conversion",
            "",
            f"    {about['command']}",
            "",
            f"* at dt = 1 the converted network and lava-dl differ in {baseline['differing_spikes']} spikes",
            f"* {n} test recordings: one standard error of an accuracy near lava-dl's is {spread:.1f} points",
            f"* {machine['processor']}, Python {machine['python']}, {packages}, commit {commit}",
            "",
            sheet(rows, n).markdown(),
            _METHOD + _tuned(rows, about),
        ]
    )


def _tuned(rows: dict[Cell, Row], about: dict[str, Any]) -> str:
    epochs = sorted({cell.finetune for cell in rows} - {0})
    if not epochs:
        return ""
    told = f"{' or '.join(map(str, epochs))} further epoch{'s' if epochs != [1] else ''}"
    return "\n" + textwrap.fill(_TUNED.format(epochs=told, recipe=about["finetuning"]), 120) + "\n"


def _text(rows: dict[Cell, Row], cell: Cell) -> str:
    before = rows.get(cell)
    if before is None:
        return ""
    star = "*" if before.get("saturated") else ""
    tuned = [rows[other] for other in rows if other.finetune and other.untuned == cell]
    after = "".join(f" → {100 * row['test_accuracy']:.1f}" for row in tuned)
    return f"{100 * before['test_accuracy']:.1f}{star}{after}"
