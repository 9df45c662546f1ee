"""lava-nc-start-method: Lava's runtime can be imported after multiprocessing was used.

``multiprocessing.py`` of the message infrastructure calls ``set_start_method('fork')`` as it is imported.
That raises RuntimeError once the start method is fixed, even to fork: a Numba parallel function or a torch
DataLoader that ran before is enough. Here the call passes where it changes nothing, and otherwise says what
to do.
"""

from __future__ import annotations

import multiprocessing
import types
from collections.abc import Mapping
from typing import Any

from patches.change import ImportChange, ModuleOverlay
from patches.patch import Patch


def _set_start_method(method: str | None, force: bool = False) -> None:
    """``multiprocessing.set_start_method``, content with a method that is set already.

    Raises:
        RuntimeError: another method is set.
    """
    current = multiprocessing.get_start_method(allow_none=True)
    if current == method and not force:
        return
    if current is not None and not force:
        raise RuntimeError(
            f"Lava runs its processes with multiprocessing's start method {method!r}, but this program has "
            f"fixed it to {current!r}: call multiprocessing.set_start_method({method!r}, force=True) before "
            "Lava's runtime is imported, or run Lava in a program of its own"
        )
    multiprocessing.set_start_method(method, force=force)


class _PatientStartMethod(ImportChange):
    def own_builtins(self, standard: Mapping[str, Any]) -> dict[str, Any]:
        plain = standard["__import__"]
        overlay = ModuleOverlay(multiprocessing, set_start_method=_set_start_method)

        def import_(name: str, *arguments: Any, **keywords: Any) -> Any:
            if self.executing and name == "multiprocessing":
                return overlay
            return plain(name, *arguments, **keywords)

        return {"__import__": import_}

    def install(self, module: types.ModuleType) -> None:
        module.mp = multiprocessing  # type: ignore[attr-defined]


PATCH = Patch(
    name="lava-nc-start-method",
    reason="Lava's runtime cannot be imported once Numba or a DataLoader has fixed the start method",
    package="lava-nc",
    versions=("0.10.0",),
    changes=(
        _PatientStartMethod("lava.magma.runtime.message_infrastructure.multiprocessing", {"": ("f99dac66b0b2ecb9",)}),
    ),
)
