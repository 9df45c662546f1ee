"""Which implementation of the kernels runs, and where its arrays lie."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

_MODULES = ("cpu", "cuda", "reference")
_selected = ["cpu"]


def set_backend(name: str) -> None:
    """Choose the implementation of every kernel from now on; networks are made after it, not before.

    ``name``: ``"cpu"`` (Numba, the default) or ``"reference"`` (plain float64 loops, slow, to check the other
    against).

    Raises
    ------
    RuntimeError: ``"cuda"`` is asked for, of which this version has no kernels. ValueError: the name is unknown.
    """
    if name == "cuda":
        raise RuntimeError(
            "set_backend('cuda'): this version of bats_dt has no CUDA kernels yet, whether or not there is a GPU; "
            "call set_backend('cpu'), which is also the default"
        )
    if not isinstance(name, str) or name not in _MODULES:
        raise ValueError(f"backend is {name!r}: pass {' or '.join(repr(m) for m in _MODULES if m != 'cuda')}")
    _selected[0] = name


def get_backend() -> str:
    """The name last given to :func:`set_backend`, ``"cpu"`` before that."""
    return _selected[0]


def implementation(operator: str) -> ModuleType:
    """The module of the chosen backend in the kernel folder ``operator`` (its package name), loaded on use."""
    return importlib.import_module(f"{operator}.{get_backend()}")


def array_module() -> Any:
    """The module whose arrays the chosen backend computes on: ``numpy``, or ``cupy`` for ``"cuda"``."""
    return np


def to_numpy(array: Any) -> np.ndarray:
    """An array of any backend, or what numpy makes an array of, as a NumPy array on the host."""
    return np.asarray(array.get() if hasattr(array, "get") else array)
