"""`to_lava`: a Lava process network from a file or a trained network."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lava_dt.export.blocks import describe
from lava_dt.export.hdf5 import write_hdf5
from lava_dt.export.processes import Network
from lava_dt.export.runnable import check_runnable
from lava_dt.export.schema import SOFT_RESET_TYPE

MESSAGE_BITS = 8
_KNOWN = ("input", "flatten", "dense", "dense_rec", "conv")


def to_lava(path_or_net: str | os.PathLike[str] | Any, **netx_options: Any) -> Network:
    """A Lava process network that spikes as trained, step for step, in lava-nc's fixed-point simulation of Loihi.

    Run it with ``Loihi2SimCfg(select_tag="fixed_pt")``; feed ``net.inp`` with ``net.encode(spikes)``.

    Args:
        path_or_net: a file of `write_hdf5` or lava-dl, or a network as `write_hdf5` takes.
        netx_options: those of `lava.lib.dl.netx.hdf5.Network`. ``input_message_bits`` is 8 unless given where dt > 1,
            since binned inputs carry counts, which travel as graded spikes.

    Returns:
        A `lava_dt.export.processes.Network`, which is a netx network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no network file, or a layer cannot be done exactly.
    """
    if isinstance(path_or_net, (str, os.PathLike)):
        return _load(Path(path_or_net), netx_options)
    check_runnable(describe(path_or_net))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.net"
        write_hdf5(path_or_net, path)
        return _load(path, netx_options)


def _load(path: Path, options: dict[str, Any]) -> Network:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: write it with lava_dt.export.write_hdf5(net, path)")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is not an HDF5 file: pass one of lava_dt.export.write_hdf5 or lava-dl's export_hdf5")
    with h5py.File(path, "r") as file:
        dt = _check(file, path, options.get("num_layers"))
    return Network(str(path), **{"input_message_bits": MESSAGE_BITS if dt > 1 else 0, **options})


def _check(file: h5py.File, path: Path, num_layers: int | None) -> int:
    """dt of a file whose layers are all known."""
    count = len(file.get("layer", ()))
    missing = [i for i in range(count) if f"layer/{i}/type" not in file]
    if not count or missing:
        raise ValueError(f"{path} has no layers numbered from 0 with a type: it is not a network in netx's format")
    for i in range(count if num_layers is None else min(count, num_layers)):
        kind = file[f"layer/{i}/type"][()]
        kind = (kind if isinstance(kind, bytes) else kind[0]).decode("ascii")
        if kind not in _KNOWN:
            raise ValueError(
                f"layer {i} of {path} is of type {kind!r}, which Lava cannot run yet ({', '.join(_KNOWN)} it can): "
                f"pass num_layers={i} to leave it and what follows to the host"
            )
        _check_exact(file[f"layer/{i}"], kind, f"layer {i} of {path}")
    dt = int(file.attrs.get("dt", 1))
    if dt > 1 and file.attrs.get("clock") == b"held":
        raise ValueError(
            f"{path} is of a network on the held clock, which Lava does not yet: write it on the coarse one"
        )
    return dt


def _check_exact(layer: h5py.Group, kind: str, name: str) -> None:
    """Refuses what netx would leave out or misread."""
    where = f"pass num_layers={name.split()[1]} to leave it and what follows to the host"
    if kind in ("conv", "dense_rec"):
        if "delay" in layer and np.any(layer["delay"][()]):
            raise ValueError(f"{name} ({kind}) has delays, which netx ignores or puts on its feedback too: {where}")
        if "neuron/type" in layer and layer["neuron/type"][()] == SOFT_RESET_TYPE.encode():
            raise ValueError(f"{name} ({kind}) resets softly, which netx's layers of this kind do not: {where}")
    for exponent in ("wgtExp", "weight_exp"):
        if f"neuron/{exponent}" in layer and np.any(layer[f"neuron/{exponent}"][()]):
            raise ValueError(
                f"{name} ({kind}) has a {exponent} that is not 0, which netx ignores: {where}, or fold it into the "
                "weights, as read_hdf5 does with wgtExp"
            )
