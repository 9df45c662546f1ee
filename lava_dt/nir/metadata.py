"""What NIR's nodes cannot say of a lava_dt network, in the metadata that NIR lets through unread.

The graph's ``metadata["lava_dt"]`` has the version of this layout, ``step`` (seconds in a fine step) and every field of
the `Timestep`; that of a layer's neurons what `LAYER` lists. Plain numbers, strings and truth values only.
"""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from lava_dt.nir.errors import NIRError
from lava_dt.timestep import Timestep

KEY = "lava_dt"
VERSION = 1

LAYER: dict[str, type] = {
    "kind": str,  # of block: input, dense, conv, pool, recurrent, affine, average
    "hop": bool,  # whether lava-dl's step from layer to layer follows (delay_shift)
    "scale": int,  # integers of the weights per real unit
    "quantised": bool,  # whether the weights are rounded to Loihi's 8 bits in each pass
    "tau_grad": float,  # of the surrogate
    "scale_grad": float,
    "shared_param": bool,  # one decay for all channels
    "learnt_decays": bool,
    "persistent_state": bool,
    "max_delay": float,  # fine steps; -1: no limit
}


def of_graph(timestep: Timestep, step: float) -> dict[str, Any]:
    return {KEY: {"version": VERSION, "step": step, **asdict(timestep)}}


def timestep_of(metadata: Any) -> tuple[Timestep, float] | None:
    """The timestep and the length of a fine step in seconds that a graph of ours has; None for others' graphs.

    Raises:
        NIRError: metadata of ours that are damaged or of a later layout.
    """
    own = _own(metadata, "the graph")
    if own is None:
        return None
    if _value(own, "version", int, "the graph") != VERSION:
        raise NIRError(
            f"the graph's lava_dt metadata are of layout {own['version']} and this lava_dt reads {VERSION}: "
            "use the lava_dt that wrote it, or a later one"
        )
    step = _value(own, "step", float, "the graph")
    if not (math.isfinite(step) and step > 0):
        raise NIRError(f"the graph's lava_dt metadata say that a step lasts {step} s: it must be above 0")
    kinds = {"dt": int, "saturate": bool}
    values = {f.name: _value(own, f.name, kinds.get(f.name, str), "the graph") for f in fields(Timestep)}
    try:
        return Timestep(values.pop("dt"), **values), step
    except (TypeError, ValueError) as error:
        raise NIRError(f"the graph's lava_dt metadata give no Timestep: {error}") from error


def layer_of(metadata: Any, name: str) -> dict[str, Any] | None:
    """What `LAYER` lists of a layer, by the name of the node; None where the node has no metadata of ours.

    Raises:
        NIRError: an entry missing or of another type.
    """
    own = _own(metadata, f"node {name!r}")
    if own is None:
        return None
    values = {key: _value(own, key, kind, f"node {name!r}") for key, kind in LAYER.items()}
    if not 1 <= values["scale"] <= 1 << 17:
        raise NIRError(f"node {name!r} has a scale of {values['scale']} in its lava_dt metadata: it must be 1 ... 2^17")
    return values


def _own(metadata: Any, where: str) -> dict[str, Any] | None:
    if not isinstance(metadata, dict) or KEY not in metadata:
        return None
    if not isinstance(metadata[KEY], dict):
        raise NIRError(f"{where} has metadata named lava_dt that are a {type(metadata[KEY]).__name__}: expected a dict")
    return metadata[KEY]


def _value(own: dict[str, Any], key: str, kind: type, where: str) -> Any:
    if key not in own:
        raise NIRError(f"{where} lacks {key!r} in its lava_dt metadata: write it anew with to_nir, or remove them all")
    value = own[key]
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf8", "replace")
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (kind is not bool and isinstance(value, bool)):
        raise NIRError(f"{where} has {key} = {value!r} in its lava_dt metadata: it must be of type {kind.__name__}")
    return kind(value)
