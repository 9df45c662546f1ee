"""Weights in a directory: written as safetensors, read from that or from the files of BATS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bats_dt.backend import to_numpy

WEIGHTS_FILE = "weights.safetensors"


def write_weights(directory: Path, weights: Mapping[str, Any]) -> None:
    """Write the weights of each layer, by name, to ``weights.safetensors`` in ``directory``, made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(to_numpy(array)) for name, array in weights.items()}, directory / WEIGHTS_FILE
    )


def read_weights(directory: Path, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The weights of each layer, by name: those of :func:`write_weights`, else those that BATS stored.

    names: the name of each layer that has weights, and its name in BATS, which stores ``<name>_weights.npy``: arrays
        (n_post, n_pre), or (n_filters, fx, fy, channels) of a convolution.

    Raises
    ------
    FileNotFoundError: there is neither the one file nor one of BATS's for every layer. ValueError: the file holds other
        layers, or is damaged; a file of BATS's is no array, or would be that of two layers.
    """
    path = directory / WEIGHTS_FILE
    return _ours(path, set(names)) if path.is_file() else _of_bats(directory, names)


def write_layer(directory: Path, name: str, weights: Any) -> None:
    """Write the weights of one layer to ``<name>_weights.npy`` in ``directory``, made if need be, as BATS does."""
    directory.mkdir(parents=True, exist_ok=True)
    np.save(_file_of_bats(directory, name), to_numpy(weights))


def read_layer(directory: Path, name: str) -> np.ndarray:
    """The weights of one layer that BATS or :func:`write_layer` stored.

    Raises
    ------
    FileNotFoundError: they are not there. ValueError: the file is no array.
    """
    path = _file_of_bats(directory, name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} not found: pass the directory that was given to the layer's store, and the name the layer had; "
            "what Network.store wrote is read by Network.restore"
        )
    return _array(path)


def _file_of_bats(directory: Path, name: str) -> Path:
    return directory / f"{name}_weights.npy"


def _ours(path: Path, names: set[str]) -> dict[str, np.ndarray]:
    try:
        found = load_file(path)
    except SafetensorError as fault:
        raise ValueError(f"{path} is not what Network.store writes, or not all of it: {fault}") from fault
    if set(found) != names:
        raise ValueError(
            f"{path} holds the layers {sorted(found)} but the network has {sorted(names)}: build the network as it was "
            "when stored, names included"
        )
    return found


def _of_bats(directory: Path, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"several layers have no name, whose weights BATS would keep in one file in {directory}: give each layer "
            "the name it was stored under"
        )
    paths = {name: _file_of_bats(directory, of_bats) for name, of_bats in names.items()}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{directory} holds neither {WEIGHTS_FILE}, which Network.store writes, nor all files of BATS's, one a "
            f"layer: {', '.join(missing)} not found; pass the directory that was given to Network.store, and the names "
            "the layers had"
        )
    return {name: _array(path) for name, path in paths.items()}


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as fault:
        raise ValueError(f"{path} is not the array of weights that BATS stores: {fault}") from fault
