"""A network's file, and Lava run beside training: written and checked, and for a run kept in its export/ folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runs.checkpoints import load_arrays
from runs.config import BatsConfig, ConfigError
from runs.deploy.opening import FINE_STEP, Opened, missing, open_network
from runs.files import write_json

SHIPPED = "shipped"
_RUNS_OWN, _OTHERS = 2, 20  # recordings that are run where nobody says how many
_STAGED = 1000  # images on which a BATS network's accuracy is told
_SECONDS = 60.0  # that Lava may take for a sample, and for ten such to start


@dataclass(frozen=True)
class Exported:
    """What `export_network` did.

    Attributes:
        file: what was written; None where nothing was.
        notes: lines about conversions and rounding.
        stages: a table of a BATS network's accuracy, None for others.
        parity: what is kept in export/parity.json; None where nothing was run.
    """

    file: Path | None
    notes: tuple[str, ...]
    stages: str | None
    parity: dict[str, Any] | None


def export_network(
    path: Path, out: Path | None = None, data: str | None = None, recordings: int | None = None, dt: float | None = None
) -> Exported:
    """Writes a network's file and compares Lava with it.

    Args:
        path, dt: as `runs.deploy.opening.open_network` takes them.
        out: the .net file; None for export/network.net in a run's directory, nothing otherwise.
        data: a folder, ``shipped``, or an array's file, of which samples are run in Lava; None: a run's own test set.
        recordings: how many; 0 for none; None: 2 of a run's own, 20 otherwise.

    Raises:
        ConfigError: nothing to do, or what cannot be exported.
        ValueError, OSError: a damaged file, or a network that cannot leave. RuntimeError, TimeoutError: Lava failed.
    """
    is_run = path.is_dir()
    if recordings is None:
        recordings = _OTHERS if data is not None else _RUNS_OWN if is_run else 0
    if recordings < 0:
        raise ConfigError(f"--recordings is {recordings}: give 0 for none, or a number of test recordings")
    if not path.exists():
        raise missing(path)
    if not is_run and data is None and out is None:
        raise ConfigError(f"nothing is to be done with {path}: give --out FILE, --verify DATA or both")
    if not is_run and data is None and recordings:
        raise ConfigError("--recordings needs --verify DATA, of which they are: a folder, shipped, or a file of spikes")
    if out is not None and not out.absolute().parent.is_dir():
        raise ConfigError(f"the folder {out.absolute().parent} does not exist: create it, or write elsewhere")
    opened = open_network(path, dt)
    name = "network" if opened.config is None or dt in (None, opened.config.dt) else f"network-dt{dt:g}"
    file = out or (path / "export" / f"{name}.net" if is_run else None)
    if file is not None:
        _write(opened, file)
    stages = parity = None
    if recordings:
        parity, stages = _checked(opened, file, data, recordings)
        if is_run:
            (path / "export").mkdir(exist_ok=True)
            write_json(path / "export" / f"{name.replace('network', 'parity')}.json", parity)
    return Exported(file, opened.notes, stages, parity)


def _write(opened: Opened, file: Path) -> None:
    from lava_dt.export import write_hdf5
    from runs.deploy.encoding import write_encoding

    file.parent.mkdir(parents=True, exist_ok=True)
    write_hdf5(opened.net, file, fine_step=opened.fine_step)
    if opened.encoding is not None:
        write_encoding(file, opened.encoding)


def _samples(opened: Opened, data: str | None, n: int) -> tuple[Any, str]:
    """(batch, neuron..., time) as the network takes them, and what they are."""
    from lava_dt.export.blocks import describe
    from runs.deploy.choosing import SHAPES, encoding_of, input_shape, samples_of

    if data is not None and _is_array(data):
        return _array(Path(data))[:n], "sample"
    description = describe(opened.net)
    step = opened.fine_step or FINE_STEP
    encoding = encoding_of(description, opened.encoding, fine_step=step)
    timestep = description.timestep
    samples = samples_of(
        encoding,
        _folder(opened, data),
        "test",
        dt=1 if timestep.held else timestep.dt,
        fine_step=step,
    )
    spikes = samples.first(n)
    image = SHAPES[encoding.input]
    shape = input_shape(description, image)
    return spikes.reshape(len(spikes), *shape, -1), "test recording" if encoding.window is None else "test image"


def _is_array(data: str | None) -> bool:
    return data is not None and Path(data).suffix in (".npy", ".npz")


def _folder(opened: Opened, data: str | None) -> Path | None:
    if data is None:
        return None if opened.config is None else opened.config.data
    return None if data == SHIPPED else Path(data)


def _array(path: Path) -> Any:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}: pass an array of spikes (batch, neuron..., time), or a folder")
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(f"{path} is no array that NumPy reads ({error}): save one with numpy.save") from None
    if not isinstance(found, np.ndarray):
        with found:
            name = "spikes" if "spikes" in found.files else (*found.files, None)[0]
            if name is None or (name != "spikes" and len(found.files) > 1):
                raise ConfigError(f"{path} holds the arrays {found.files}: name that of the input spikes")
            found = found[name]
    if found.ndim < 3 or 0 in found.shape or found.dtype.kind not in "biuf":
        raise ConfigError(
            f"{path} holds {found.dtype} of shape {found.shape}: numbers (batch, neuron..., time) are needed, not none"
        )
    return found.astype(np.float32)


def _checked(opened: Opened, file: Path | None, data: str | None, n: int) -> tuple[dict[str, Any], str | None]:
    """What is kept of the comparison, and the table of a BATS run."""
    from lava_dt.export import verify

    timeout = _SECONDS * (10 + n)
    source = file or opened.file
    if isinstance(opened.config, BatsConfig) and not _is_array(data):
        from runs.deploy.bats import accuracy_stages

        stages = accuracy_stages(opened, _folder(opened, data), max(_STAGED, n), n, timeout)
        table = str(stages)
        return {**_kept(opened, source, stages.parity, "test image"), "stages": table.splitlines()}, table
    samples, what = _samples(opened, data, n)
    return _kept(opened, source, verify(opened.net, samples, source, timeout=timeout), what), None


def _kept(opened: Opened, source: Path | None, report: Any, what: str) -> dict[str, Any]:
    return {
        "format": 1,
        "network": None if source is None else source.name,
        "epoch": opened.epoch,
        "dt": report.dt,
        "fine_step": opened.fine_step,
        "clock": report.clock,
        "what": what,
        "recordings": report.samples,
        "steps": report.steps,
        "entries": report.entries,
        "spikes": report.spikes,
        "differing_inputs": report.input_differs,
        "differing_spikes": report.differing_spikes,
        "differing_currents": report.differing_currents,
        "differing_voltages": report.differing_voltages,
        "differing_outputs": report.differing_outputs,
        "layers": [dataclasses.asdict(layer) for layer in report.layers],
        "first": None if report.first is None else str(report.first),
        "seconds": round(report.seconds, 3),
    }


def read_parity(path: Path) -> dict[str, Any] | None:
    """What `export_network` found for the newest epoch of the run in `path`; None where there is no such finding."""
    try:
        parity: dict[str, Any] = json.loads((path / "export" / "parity.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    checkpoint = load_arrays(path)
    return parity if checkpoint is not None and parity.get("epoch") == checkpoint.epoch else None


def parity_text(parity: dict[str, Any]) -> str:
    """The finding in one sentence."""
    plural = "" if parity["recordings"] == 1 else "s"
    step = parity.get("fine_step") or 0
    at = f"at dt = {parity['dt']}"
    if parity["dt"] == 1 and step and step != FINE_STEP:
        at = f"of {1000 * step:.4g} ms"
    where = f"on {parity['recordings']} {parity.get('what', 'test recording')}{plural} of {parity['steps']} steps {at}"
    text = f"{parity['differing_spikes']} of {parity['spikes']:,} spikes differ {where}"
    others = _differing(parity) - parity["differing_spikes"]
    if identical(parity):
        return f"{text}, and no current or voltage"
    return f"{text}, and {others} inputs, currents, voltages and outputs; {parity['first']}"


def identical(parity: dict[str, Any]) -> bool:
    """Whether nothing differed."""
    return not _differing(parity)


def _differing(parity: dict[str, Any]) -> int:
    names = ("inputs", "spikes", "currents", "voltages", "outputs")
    return sum(parity.get(f"differing_{name}", 0) for name in names)
