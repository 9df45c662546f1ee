"""A trained run in Lava: writes its network file, runs it there, and keeps what differed in export/parity.json."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from runs.config import ConfigError, SlayerConfig
from runs.directory import load_arrays, read_config, write_json

FINE_STEP = 1e-3  # seconds; N-MNIST's recordings are binned to it


def export_run(path: Path, out: Path | None, recordings: int) -> dict[str, Any] | None:
    """Writes the network of a SLAYER run to `out` and compares it with Lava on the first test recordings.

    Args:
        path: the run's directory; its newest checkpoint is exported.
        out: the .net file; None for export/network.net in `path`.
        recordings: how many to run in Lava; 0 writes the file only.

    Returns:
        What is kept in export/parity.json; None where nothing was run.

    Raises:
        ConfigError: no SLAYER run, or one without a checkpoint.
        ValueError: a network that Lava cannot run exactly, such as one on the held clock.
    """
    if not (path / "config.json").exists():
        raise ConfigError(f"{path} holds no run: pass the directory of one, as lava-dt train made it")
    config = read_config(path)
    if not isinstance(config, SlayerConfig):
        raise ConfigError(f"{path} holds a {config.model} run, but only SLAYER networks run in Lava")
    checkpoint = load_arrays(path)
    if checkpoint is None:
        raise ConfigError(f"{path} has no checkpoint yet: train at least one epoch with {config.command()}")

    from runs.training.slayer import trained_network  # torch and lava-dl from here on

    network, spikes = trained_network(config, checkpoint.arrays, max(1, recordings))

    from lava_dt import export

    file = out or path / "export" / "network.net"
    file.parent.mkdir(parents=True, exist_ok=True)
    export.write_hdf5(network, file, fine_step=FINE_STEP)
    if recordings < 1:
        return None
    report = export.verify(network, spikes, file)
    parity = {
        "format": 1,
        "network": str(file.name),
        "epoch": checkpoint.epoch,
        "dt": report.dt,
        "recordings": report.samples,
        "steps": report.steps,
        "entries": report.entries,
        "spikes": report.spikes,
        "differing_spikes": report.differing_spikes,
        "differing_currents": report.differing_currents,
        "differing_voltages": report.differing_voltages,
        "layers": [dataclasses.asdict(layer) for layer in report.layers],
        "first": None if report.first is None else str(report.first),
        "seconds": round(report.seconds, 3),
    }
    (path / "export").mkdir(exist_ok=True)
    write_json(path / "export" / "parity.json", parity)
    return parity


def read_parity(path: Path) -> dict[str, Any] | None:
    """What `export_run` found for the newest epoch of the run in `path`; None where there is no such finding."""
    try:
        parity: dict[str, Any] = json.loads((path / "export" / "parity.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    checkpoint = load_arrays(path)
    return parity if checkpoint is not None and parity.get("epoch") == checkpoint.epoch else None


def parity_text(parity: dict[str, Any]) -> str:
    """The finding in one sentence."""
    plural = "" if parity["recordings"] == 1 else "s"
    where = f"on {parity['recordings']} test recording{plural} of {parity['steps']} steps at dt = {parity['dt']}"
    text = f"{parity['differing_spikes']} of {parity['spikes']:,} spikes differ {where}"
    states = parity["differing_currents"] + parity["differing_voltages"]
    if not parity["differing_spikes"] and not states:
        return f"{text}, and no current or voltage"
    return f"{text}, and {states} currents and voltages; {parity['first']}"
