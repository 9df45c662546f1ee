"""`write_hdf5`: lava-dl's network file, with dt in attributes that netx ignores."""

from __future__ import annotations

import os
import warnings
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lava_dt.export.description import Description, Layer, describe
from lava_dt.timestep import Timestep

FORMAT_VERSION = 1
SOFT_RESET_TYPE = "CUBA_SOFT_RESET"  # unknown to netx, which would reset it hard


def write_hdf5(net: Any, path: str | os.PathLike[str], *, fine_step: float | None = None) -> None:
    """Writes a trained network in netx's format.

    The network is not changed. A file at ``path`` is replaced only when the new one is complete.

    Args:
        net: a torch.nn.Sequential of CuBa blocks (Input, Flatten, Dense; lava_dt's or lava-dl's), a module that keeps
            them in ``blocks``, or a list. It must have run once, so that its shapes and delays are known.
        path: file to write, usually ``*.net``.
        fine_step: length of a fine step in seconds, kept with dt.

    Raises:
        TypeError: ``net`` is no network of blocks.
        ValueError: a layer that Loihi cannot do exactly, by its index and kind.
        OSError: the file cannot be written.

    Notes:
        `lava.lib.dl.netx.hdf5.Network` loads the file, unless neurons reset softly: those have a type of their own,
        which only `to_lava` knows. netx changes some weight matrices (all -256, constant powers of two); `to_lava`
        does not. Attributes of the file: dt, clock, fine_step; of a layer: those of its
        Timestep, hop (steps that training lets pass behind it), latency (steps that Lava runs behind training, delays
        not counted).
    """
    description = describe(net)
    if fine_step is not None and not fine_step > 0:
        raise ValueError(f"fine_step is {fine_step}: give the length of a fine step in seconds, above 0")
    for layer in description.layers:
        if layer.neuron is not None and layer.neuron.current_decay.min() == 0:
            warnings.warn(
                f"{layer.name} has a current decay of 0, which Lava's simulation runs, but a Loihi chip has no "
                "register for (its smallest is 1/4096): raise it if the network is for a chip",
                stacklevel=2,
            )
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: create it, or write elsewhere")
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(draft, "w") as file:
            _write(file, description, fine_step)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _write(file: h5py.File, description: Description, fine_step: float | None) -> None:
    file.attrs["format"] = "lava_dt"
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["lava_dt_version"] = _version()
    file.attrs["dt"] = description.timestep.dt
    file.attrs["clock"] = description.timestep.clock
    if fine_step is not None:
        file.attrs["fine_step"] = float(fine_step)
    for layer in description.layers:
        _write_layer(file.create_group(f"layer/{layer.index}"), layer)
    with_neurons = (layer for layer in description.layers if layer.neuron is not None)
    for layer, latency in zip(with_neurons, description.latencies(), strict=True):
        delay = 0 if layer.delay is None else layer.delay
        file[f"layer/{layer.index}"].attrs["latency"] = int((latency - delay).max())


def _write_layer(group: h5py.Group, layer: Layer) -> None:
    group.create_dataset("type", (1,), "S10", [layer.kind.encode("ascii")])
    group["shape"] = np.array(layer.shape)
    group.attrs["hop"] = layer.hop
    if layer.kind == "dense" and layer.weight is not None:
        group["outFeatures"], group["inFeatures"] = layer.weight.shape
    for name, value in (("weight", layer.weight), ("bias", layer.bias), ("delay", layer.delay)):
        if value is not None:
            group[name] = value.astype(np.int16)
    if layer.neuron is not None:
        _write_neuron(group, layer)


def _write_neuron(group: h5py.Group, layer: Layer) -> None:
    neuron, timestep = layer.neuron, layer.timestep
    if neuron is None:
        return
    for name, value in _attributes(timestep).items():
        group.attrs[name] = value
    group["neuron/type"] = np.bytes_("CUBA" if neuron.reset == "hard" else SOFT_RESET_TYPE)
    group["neuron/iDecay"] = neuron.current_decay
    group["neuron/vDecay"] = neuron.voltage_decay
    group["neuron/vThMant"] = neuron.threshold
    group["neuron/refDelay"] = 1
    group["neuron/gradedSpike"] = False


def _attributes(timestep: Timestep) -> dict[str, Any]:
    return {field.name: getattr(timestep, field.name) for field in fields(timestep)}


def _version() -> str:
    try:
        return metadata.version("lava-dt")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "unknown"
