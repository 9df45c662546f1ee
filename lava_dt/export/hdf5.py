"""`write_hdf5`: lava-dl's network file, with dt in attributes that netx ignores."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lava_dt.export.blocks import describe
from lava_dt.export.delays import LARGEST as LARGEST_DELAY
from lava_dt.export.description import Description, Fine, Layer, Window
from lava_dt.export.parsing import parse
from lava_dt.export.schema import FORMAT_VERSION, NEVER, SOFT_RESET_TYPE
from lava_dt.timestep import Timestep

_FORMAT_OF_HDF5 = ("v108", "v108")  # the first with checksums; every HDF5 in use reads it


def write_hdf5(net: Any, path: str | os.PathLike[str], *, fine_step: float | None = None) -> None:
    """Writes a trained network in netx's format.

    The network is not changed. A file at ``path`` is replaced only when the new one is complete.

    Args:
        net: a torch.nn.Sequential of CuBa blocks (all of lava_dt's or lava-dl's but KWTA and TimeDecimation, which
            netx's format does not have), a module that keeps them in ``blocks``, or a list. It must have run once, or
            come from `read_hdf5`, so that its shapes and delays are known.
        path: file to write, usually ``*.net``.
        fine_step: length of a fine step in seconds, kept with dt; None: ``net.fine_step`` where `read_hdf5` left one.

    Raises:
        TypeError: ``net`` is no network of blocks.
        ValueError: a layer that Loihi's registers cannot hold exactly, by its index and kind.
        OSError: the file cannot be written.

    Notes:
        What is written is read again before it replaces anything. `lava.lib.dl.netx.hdf5.Network` loads the file,
        unless neurons reset softly: those have a type of their own, which only `to_lava` knows; or a layer is one that
        netx's format names but netx cannot run (pool, convT, unpool, average), or runs without its delays (conv).
        netx changes some weight matrices (all -256, constant powers of two); `to_lava` does not. Of a network on the
        held clock the file tells netx the coarse twin, which takes `lava_dt.rebin`'s input and computes the same at the
        grid steps; the attribute clock, which netx ignores, says that it is held. Attributes of the
        file: dt, clock, fine_step; of a layer: those of its Timestep, block (lava_dt's kind of it), hop (steps that
        training lets pass behind it), latency (steps that Lava runs behind training). The group
        ``fine`` of a layer holds what training starts from: decays and delays of a fine step, threshold, scale,
        surrogate, whether states persist; netx ignores it. Delays may have any length; netx shortens them to 62.
    """
    description = describe(net)
    if fine_step is None:
        fine_step = getattr(net, "fine_step", None)
    if fine_step is not None and not 0 < fine_step < math.inf:
        raise ValueError(f"fine_step is {fine_step}: give the length of a fine step in seconds, above 0")
    for warning in _warnings(description):
        warnings.warn(warning, stacklevel=2)
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: create it, or write elsewhere")
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(draft, "w", libver=_FORMAT_OF_HDF5) as file:
            _write(file, description, fine_step)
        _check_written(draft, path, description)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _warnings(description: Description) -> Iterator[str]:
    """What is written as it is, and means something else to others who read the file."""
    for layer in description.layers:
        if layer.neuron is not None and layer.neuron.current_decay.min() == 0:
            yield (
                f"{layer.name} has a current decay of 0, which Lava's simulation runs, but a Loihi chip has no "
                "register for (its smallest is 1/4096): raise it if the network is for a chip"
            )
        if layer.delay is not None and layer.delay.max() > LARGEST_DELAY:
            yield (
                f"{layer.name} has a delay of {layer.delay.max()} steps, and a Loihi chip has {LARGEST_DELAY}, to "
                "which netx shortens it in silence: train with a smaller max_delay or a larger dt if the network is "
                "for a chip or netx"
            )
    if description.timestep.held and any(layer.timestep.between == "drop" for layer in description.layers):
        yield (
            "the network drops what arrives between its grid steps (between='drop'), which only lava_dt's held clock "
            "does: netx, which knows the grid steps alone, would deliver it"
        )


def _write(file: h5py.File, description: Description, fine_step: float | None) -> None:
    file.attrs["format"] = _fixed("lava_dt")
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["lava_dt_version"] = _fixed(_version())
    file.attrs["dt"] = description.timestep.dt
    file.attrs["clock"] = _fixed(description.timestep.clock)
    if fine_step is not None:
        file.attrs["fine_step"] = float(fine_step)
    for layer in description.layers:
        _write_layer(file.create_group(f"layer/{layer.index}"), layer)
    with_neurons = (layer for layer in description.layers if layer.neuron is not None)
    for layer, latency in zip(with_neurons, description.latencies(), strict=True):
        file[f"layer/{layer.index}"].attrs["latency"] = latency


def _write_layer(group: h5py.Group, layer: Layer) -> None:
    kind = "dense" if layer.kind == "affine" else layer.kind  # as lava-dl writes it
    group.create_dataset("type", (1,), "S10", [kind.encode("ascii")])
    group["shape"] = np.array(layer.shape)
    group.attrs["block"] = _fixed(layer.kind)
    group.attrs["hop"] = layer.hop
    if layer.weight is not None and kind in ("dense", "dense_rec"):
        group["outFeatures"], group["inFeatures"] = layer.weight.shape
    if layer.window is not None and layer.weight is not None:
        _write_window(group, layer.kind, layer.window, layer.weight.shape)
    for name, value in {"weight": layer.weight, "weight_rec": layer.weight_rec}.items():
        if value is not None:
            group[name] = value.astype(np.int16)
    if layer.delay is not None:
        group["delay"] = layer.delay.astype(np.int16 if layer.delay.max() <= LARGEST_DELAY else np.int32)
    if layer.bias is not None:
        group["bias"] = layer.bias.astype(np.int32)
    if layer.kind not in ("flatten", "average"):
        for name, option in _attributes(layer.timestep).items():
            group.attrs[name] = _fixed(option)
    if layer.neuron is not None:
        _write_neuron(group, layer)
    if layer.fine is not None:
        _write_fine(group.create_group("fine"), layer.fine)


def _write_window(group: h5py.Group, kind: str, window: Window, weights: tuple[int, ...]) -> None:
    group["kernelSize"], group["stride"] = np.array(window.kernel), np.array(window.stride)
    group["padding"], group["dilation"] = np.array(window.padding), np.array(window.dilation)
    if kind in ("conv", "convT"):
        group["groups"] = window.groups
        own, grouped = ("outChannels", "inChannels") if kind == "conv" else ("inChannels", "outChannels")
        group[own], group[grouped] = weights[0], weights[1] * window.groups


def _write_neuron(group: h5py.Group, layer: Layer) -> None:
    neuron = layer.neuron
    if neuron is None:
        return
    own = group.create_group("neuron")  # which, made in passing, would bear the time
    own["type"] = np.bytes_("CUBA" if neuron.reset == "hard" else SOFT_RESET_TYPE)
    own["iDecay"] = neuron.current_decay
    own["vDecay"] = neuron.voltage_decay
    own["vThMant"] = NEVER if layer.kind == "affine" else neuron.threshold
    own["refDelay"] = 1
    own["gradedSpike"] = False


def _write_fine(group: h5py.Group, fine: Fine) -> None:
    for field in fields(fine):
        value = getattr(fine, field.name)
        if isinstance(value, np.ndarray):
            group[field.name] = value
        elif value is not None:
            group.attrs[field.name] = value


def _check_written(draft: Path, path: Path, description: Description) -> None:
    """Whether the file says what was meant.

    Raises:
        ValueError: it does not, or is not in netx's format; by layer and attribute.
    """
    for meant, read in zip(description.layers, parse(draft, name=path).description.layers, strict=True):
        part = meant.differs_from(read)
        if part is not None:
            raise ValueError(f"{meant.name} cannot be written: its {part} would come back from {path} changed")


def _attributes(timestep: Timestep) -> dict[str, Any]:
    return {field.name: getattr(timestep, field.name) for field in fields(timestep)}


def _fixed(value: Any) -> Any:
    """Texts of fixed length: those of any length lie in a part of the file that has no checksum."""
    return np.array(value, h5py.string_dtype(length=len(value))) if isinstance(value, str) else value


def _version() -> str:
    try:
        return metadata.version("lava-dt")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "unknown"
