"""Reading .nir files, of which anything may be wrong: nothing is trusted before it is checked.

A file is HDF5: ``node`` is a group with ``type`` and the fields of that type, a graph's ``nodes`` one group a node and
``edges`` (edge, 2) names. The package `nir` reads it too, but follows links, cycles and declared sizes wherever they
lead, and answers what is missing with whatever exception came first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from lava_dt.export.probing import damage
from lava_dt.nir.errors import NIRError

LARGEST = 1 << 29  # bytes of arrays, of eight a number, as which they are used
DEEPEST = 16  # groups within groups
MOST = 8_000  # groups and arrays
DENSEST = 1100  # bytes in one stored: deflate has at most 1032
FREE = 1 << 20  # bytes up to which that does not matter
REQUIRED = {
    "Affine": ("weight", "bias"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "Delay": ("delay",),
    "Flatten": ("start_dim", "end_dim"),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "Input": ("shape",),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "Linear": ("weight",),
    "Output": ("shape",),
    "Scale": ("scale",),
    "SumPool2d": ("kernel_size", "stride", "padding"),
}
OPTIONAL = {"v_reset", "w_in", "input_shape", "input_type", "metadata"}
TEXTS = {"padding"}


def read(path: str | os.PathLike[str], *, largest: int = LARGEST) -> Any:
    """The graph in a .nir file, its types unchecked.

    Args:
        path: of the file.
        largest: bytes that its arrays may take up together, eight a number; compressed files hold far more than their
            size.

    Returns:
        A ``nir.NIRGraph``.

    Raises:
        FileNotFoundError: no such file.
        NIRError: no HDF5 file, a truncated or damaged one, or no NIR graph in it; links; more than ``largest``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: pass the path of a .nir file")
    broken = damage(path, largest, compressed=True)
    if broken is not None:
        raise NIRError(f"{path} is damaged: {broken}")
    try:
        with h5py.File(path, "r") as file:
            content = _Walk(path, largest).group(_entry(path, file), "node", 0)
    except NIRError:
        raise
    except Exception as error:  # h5py answers damage with almost every kind there is
        raise NIRError(f"{path} cannot be read as HDF5, it is truncated, damaged or something else: {error}") from error
    try:
        graph = _graph(content, "the graph")
    except NIRError as error:
        raise NIRError(f"{path}: {error}") from error
    return graph


def _entry(path: Path, file: Any) -> Any:
    entry = file.get("node", getlink=True)
    if not isinstance(entry, h5py.HardLink) or not isinstance(file["node"], h5py.Group):
        raise NIRError(f"{path} is an HDF5 file without a group named 'node': it holds no NIR graph")
    return file["node"]


class _Walk:
    """Everything below a group as dictionaries, strings and arrays, within bounds."""

    def __init__(self, path: Path, largest: int) -> None:
        self.path, self.left, self.items = path, largest, MOST
        self.largest = largest

    def group(self, group: Any, name: str, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise NIRError(f"{self.path} has groups within groups, more than {DEEPEST} deep, at {name}")
        found = {}
        for key in group:
            self.items -= 1
            if self.items < 0:
                raise NIRError(f"{self.path} has more than {MOST} groups and arrays: no NIR graph has so many")
            where = f"{name}/{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise NIRError(f"{self.path} has a link to elsewhere at {where}: a NIR file has none")
            item = group[key]
            if isinstance(item, h5py.Group):
                found[key] = self.group(item, where, depth + 1)
            elif isinstance(item, h5py.Dataset):
                found[key] = self.array(item, where)
        return found

    def array(self, item: Any, where: str) -> Any:
        text = h5py.check_string_dtype(item.dtype)
        if item.shape is None or item.is_virtual or item.external or (text is None and item.dtype.kind not in "biuf"):
            raise NIRError(f"{self.path} has an array at {where} that holds neither numbers nor text within the file")
        declared = item.size * max(item.dtype.itemsize, 1)
        if declared > FREE and declared > DENSEST * item.id.get_storage_size():
            raise NIRError(
                f"{self.path} declares an array of shape {item.shape} at {where} and stores "
                f"{item.id.get_storage_size():,} bytes for it: it is truncated, or was never written"
            )
        self._take(item.size * 8 if text is None else declared, where, item.shape)
        if text is None:
            return item[()]
        if item.shape == ():
            return self._text(item[()], where)
        words = np.empty(item.shape, dtype=object)
        for first in range(0, item.shape[0], 256):  # few at a time: a short file can name one long text often
            some = item[first : first + 256]
            read = [self._text(word, where) for word in np.ravel(some)]
            words[first : first + 256] = np.array(read, dtype=object).reshape(some.shape)
        return words

    def _text(self, value: Any, where: str) -> str:
        self._take(len(value), where, ())  # of texts the file declares no length
        return value.decode("utf8", "replace") if isinstance(value, bytes) else str(value)

    def _take(self, size: int, where: str, shape: tuple[int, ...]) -> None:
        self.left -= size
        if self.left < 0:
            raise NIRError(
                f"{self.path} declares more than {self.largest:,} bytes of arrays, at {where} one of {shape}: "
                "pass a larger `largest` to lava_dt.nir.read if that is meant"
            )


def _graph(content: dict[str, Any], name: str) -> Any:
    kind = content.get("type", "NIRGraph")
    if not isinstance(kind, str) or kind != "NIRGraph":
        raise NIRError(f"{name} has the type {kind!r}: a file holds a NIRGraph")
    nodes, edges = content.get("nodes"), content.get("edges")
    if not isinstance(nodes, dict) or edges is None:
        raise NIRError(f"{name} lacks its nodes or edges")
    if not isinstance(edges, np.ndarray) or (edges.size and (edges.ndim != 2 or edges.shape[1] != 2)):
        raise NIRError(f"{name} has edges that are no pairs of names")
    pairs = [(str(a), str(b)) for a, b in edges] if edges.size else []
    made = {key: _node(value, key) for key, value in nodes.items()}
    if not any(isinstance(node, nir.Output) for node in made.values()):
        raise NIRError(f"{name} has no Output node")
    metadata = content.get("metadata", {})
    return nir.NIRGraph(made, pairs, metadata if isinstance(metadata, dict) else {}, type_check=False)


def _node(content: Any, name: str) -> Any:
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        raise NIRError(f"node {name!r} has no type")
    kind = content["type"]
    if kind == "NIRGraph":
        return _graph(content, f"node {name!r}")
    if kind not in REQUIRED:
        raise NIRError(f"node {name!r} is of type {kind!r}; lava_dt reads {', '.join(sorted(REQUIRED))}")
    missing = [field for field in REQUIRED[kind] if field not in content]
    if missing:
        raise NIRError(f"node {name!r} of type {kind} lacks {', '.join(missing)}")
    fields = {key: value for key, value in content.items() if key in REQUIRED[kind] or key in OPTIONAL}
    for key, value in fields.items():
        if key == "metadata":
            continue
        numeric = isinstance(value, (np.ndarray, np.generic)) and np.asarray(value).dtype.kind in "biuf"
        if not numeric and not (key in TEXTS and isinstance(value, str)):
            raise NIRError(f"node {name!r} of type {kind} has a {key} that is no array of numbers")
    shapes = {np.shape(fields[key]) for key in ("w_in", "v_reset", "v_threshold", "r") if key in fields}
    if len({shape for shape in shapes if shape != ()}) > 1:  # what nir would broadcast to a product of sizes
        raise NIRError(f"node {name!r} of type {kind} has parameters of the shapes {sorted(shapes)}: they must agree")
    if not isinstance(fields.get("metadata", {}), dict):
        raise NIRError(f"node {name!r} of type {kind} has metadata that are no group")
    try:
        return nir.dict2NIRNode({"type": kind, **fields})
    except Exception as error:  # nir asserts, indexes and computes with what it is given
        raise NIRError(
            f"node {name!r} of type {kind} does not hold together: {error or type(error).__name__}"
        ) from error
