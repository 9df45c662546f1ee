"""The table of `lava-dt bench parity`, its page and results.json."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from runs.bench.parity.cases import NETWORKS, Case
from runs.bench.sheet import Sheet
from runs.directory import Row
from runs.files import write_json

_COLUMNS = ("", "spikes", "differ", "states", "input", "s")
_METHOD = """\
Networks: {networks}. Each was trained at its own step (exponential scheme, integral gain) for {batches} batches with
lava-dl's SpikeRate loss, written by `write_hdf5`, and compared with what `to_lava` makes of that file in lava-nc's
fixed-point simulation of Loihi: `lava_dt.export.verify`, on the recordings of the test set and, where they are fewer
than asked for, the training set. "spikes" are those of training in all layers, "differ" the entries (recording, neuron,
step) at which one side spikes and the other does not, "states" those at which a current or voltage differs, "input"
those of what the first layer received, "s" seconds in Lava.
"""


def sheet(rows: dict[Case, Row]) -> Sheet:
    """One row a case."""
    lines = [
        (
            f"{case.network}, dt {case.dt}, {case.reset}{', held' if case.held else ''}",
            f"{row['spikes']:,}",
            f"{row['differing_spikes']:,}",
            f"{row['differing_currents'] + row['differing_voltages']:,}",
            f"{row['input_differs']:,}",
            f"{row['seconds']['lava']:.0f}",
        )
        for case, row in rows.items()
    ]
    recordings = " or ".join(str(n) for n in sorted({row["recordings"] for row in rows.values()}))
    return Sheet(f"training and Lava, step by step, on {recordings} recordings", _COLUMNS, lines)


def write_table(path: Path, rows: dict[Case, Row], about: dict[str, Any]) -> None:
    """Writes parity.md and results.json into the directory."""
    write_json(path / "results.json", {"format": 1, **about, "cases": list(rows.values())})
    (path / "parity.md").write_text(markdown(rows, about), encoding="utf-8")


def markdown(rows: dict[Case, Row], about: dict[str, Any]) -> str:
    """The page: the command, the verdict, the table and how it came about."""
    machine = about["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    commit = "not a checkout" if machine["git"] is None else machine["git"]["commit"]
    networks = "; ".join(f"{name} {layers}" for name, layers in NETWORKS.items())
    return "\n".join(
        [
            "# lava-dt bench parity",
            "",
            f"    {about['command']}",
            "",
            f"* {verdict(rows)}",
            *(f"* {case.name}: {row['first']}" for case, row in rows.items() if row["first"]),
            f"* {machine['processor']}, Python {machine['python']}, {packages}, commit {commit}",
            "",
            sheet(rows).markdown(),
            textwrap.fill(_METHOD.format(networks=networks, batches=about["training_batches"]), 120) + "\n",
        ]
    )


def verdict(rows: dict[Case, Row]) -> str:
    """The whole table in a sentence."""
    spikes, entries = (sum(row[key] for row in rows.values()) for key in ("spikes", "entries"))
    differing = sum(row["differing_spikes"] for row in rows.values())
    where = f"in {len(rows)} networks ({entries:,} entries of current, voltage and spike)"
    if all(row["identical"] for row in rows.values()):
        return f"{differing} of {spikes:,} spikes differ, and no current, voltage or input, {where}"
    other = [case.name for case, row in rows.items() if not row["identical"]]
    return f"{differing} of {spikes:,} spikes differ {where}; not the same: {', '.join(other)}"
