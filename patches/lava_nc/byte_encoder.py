"""lava-nc-byte-encoder: the compiler's variable models can be imported on Python 3.11 and later.

``CoreEncoder``, ``ChipEncoder`` and ``AxonEncoder`` have ``ByteEncoder()`` as default of their fields.
Since Python 3.11 a dataclass refuses a default that cannot be hashed, and ``ByteEncoder`` cannot, being a
dataclass with ``__eq__``: every import of a Lava process raises ValueError. Here the class gets the
identity hash in the moment it is built, before the ``dataclass`` decorator sees it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

from patches.change import ImportChange
from patches.patch import Patch


class _HashableByteEncoder(ImportChange):
    def own_builtins(self, standard: Mapping[str, Any]) -> dict[str, Any]:
        build = standard["__build_class__"]

        def build_class(body: Any, name: str, *bases: Any, **keywords: Any) -> Any:
            built = build(body, name, *bases, **keywords)
            if self.executing and name == "ByteEncoder":
                built.__hash__ = object.__hash__
            return built

        return {"__build_class__": build_class}

    def install(self, module: types.ModuleType) -> None:
        module.ByteEncoder.__hash__ = object.__hash__  # type: ignore[attr-defined]

    def remove(self, module: types.ModuleType) -> None:
        module.ByteEncoder.__hash__ = None  # type: ignore[attr-defined]


def _not_needed() -> str | None:
    if sys.version_info < (3, 11):
        return "Python 3.10 lets a dataclass have unhashable defaults"
    return None


PATCH = Patch(
    name="lava-nc-byte-encoder",
    reason="Python 3.11 refuses the unhashable defaults of CoreEncoder: no Lava process can be imported",
    package="lava-nc",
    versions=("0.10.0",),
    changes=(
        _HashableByteEncoder(
            "lava.magma.compiler.var_model",
            {
                "ByteEncoder": ("4fcc54c6c3819077",),
                "CoreEncoder": ("4876b62cac88b81f",),
                "ChipEncoder": ("b066064f9d18d514",),
                "AxonEncoder": ("5d32707c8fecab6e",),
            },
        ),
    ),
    not_needed=_not_needed,
)
