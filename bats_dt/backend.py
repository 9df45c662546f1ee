"""Which implementation of the kernels runs, and where its arrays lie."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from bats_dt.kernels import device

_MODULES = ("cpu", "cuda", "reference")
_selected: list[str | None] = [None]


def set_backend(name: str) -> None:
    """Choose the implementation of every kernel from now on; networks are made after it, not before.

    ``name``: ``"cuda"`` (CuPy, the default where it sees a GPU), ``"cpu"`` (Numba, the default elsewhere) or
    ``"reference"`` (plain float64 loops, slow, to check the others against).

    Raises
    ------
    RuntimeError: ``"cuda"`` is asked for, but CuPy is not installed or sees no GPU. ValueError: the name is unknown.
    """
    if not isinstance(name, str) or name not in _MODULES:
        raise ValueError(f"backend is {name!r}: pass {', '.join(map(repr, _MODULES[:-1]))} or {_MODULES[-1]!r}")
    if name == "cuda":
        try:
            device.array_module()
        except RuntimeError as error:
            raise RuntimeError(f"set_backend('cuda'): {error}: set_backend('cpu')") from error
    _selected[0] = name


def get_backend() -> str:
    """The name last given to :func:`set_backend`; before that ``"cuda"`` where CuPy sees a GPU, ``"cpu"`` elsewhere.

    The default is decided when it is first asked for, and stays.
    """
    name = _selected[0]
    if name is None:
        name = _selected[0] = "cuda" if device.available() else "cpu"
    return name


def implementation(operator: str) -> ModuleType:
    """The module of the chosen backend in the kernel folder ``operator`` (its package name), loaded on use."""
    return importlib.import_module(f"{operator}.{get_backend()}")


def array_module() -> Any:
    """The module whose arrays the chosen backend computes on: ``numpy``, or ``cupy`` for ``"cuda"``."""
    return device.array_module() if get_backend() == "cuda" else np


def as_array(name: str, value: Any, dtype: Any = None) -> Any:
    """What was given as ``name``, as an array of the chosen backend; NumPy arrays and lists are put on its device.

    Raises
    ------
    TypeError: an array on a GPU for a backend that computes on the host: it is not brought back unasked.
    """
    xp = array_module()
    if xp is np and _on_gpu(value):
        raise TypeError(
            f"{name}: an array on a GPU, but the backend is {get_backend()!r}: pass bats_dt.backend.to_numpy of it, or "
            "call set_backend('cuda') before the network is made"
        )
    return xp.asarray(value, dtype)


def check_arrays(**arrays: Any) -> None:
    """Refuse arrays that lie elsewhere than the chosen backend computes: they were made under another one.

    Raises
    ------
    TypeError: it names the array and what to do.
    """
    kind = array_module().ndarray
    for name, array in arrays.items():
        if not isinstance(array, kind):
            where = "on a GPU" if _on_gpu(array) else "on the host"
            raise TypeError(
                f"{name} are {where} but the backend is {get_backend()!r}: a network and its spikes belong to the "
                "backend under which they were made; call set_backend before making the network, and reset it after"
            )


def to_numpy(array: Any) -> np.ndarray:
    """An array of any backend, or what numpy makes an array of, as a NumPy array on the host."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def _on_gpu(value: Any) -> bool:
    return hasattr(value, "__cuda_array_interface__")
