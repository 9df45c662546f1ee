"""Which implementation of the kernels runs."""

from __future__ import annotations

import importlib
from types import ModuleType

_MODULES = {"cpu": "cpu", "reference": "reference"}
_selected = ["cpu"]


def set_backend(name: str) -> None:
    """Choose the implementation of every kernel from now on.

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
        raise ValueError(f"backend is {name!r}: pass {' or '.join(map(repr, _MODULES))}")
    _selected[0] = name


def get_backend() -> str:
    """The name last given to :func:`set_backend`, ``"cpu"`` before that."""
    return _selected[0]


def implementation(operator: str) -> ModuleType:
    """The module of the chosen backend in the kernel folder ``operator`` (its package name), loaded on use."""
    return importlib.import_module(f"{operator}.{_MODULES[get_backend()]}")
