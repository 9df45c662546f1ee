"""NIR, the Neuromorphic Intermediate Representation: lava_dt networks as its graphs, and graphs as lava_dt networks.

Importing this package does not import `nir`, which is an extra: its names do when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lava_dt.nir.errors import NIRError as NIRError

if TYPE_CHECKING:
    from lava_dt.nir.files import read as read
    from lava_dt.nir.reading import FromNIR as FromNIR
    from lava_dt.nir.reading import from_nir as from_nir
    from lava_dt.nir.report import LayerReport as LayerReport
    from lava_dt.nir.report import Report as Report
    from lava_dt.nir.writing import to_nir as to_nir

_HOMES = {
    "FromNIR": "reading",
    "LayerReport": "report",
    "Report": "report",
    "from_nir": "reading",
    "read": "files",
    "to_nir": "writing",
}

__all__ = ["FromNIR", "LayerReport", "NIRError", "Report", "from_nir", "read", "to_nir"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "nir":
            raise
        raise ModuleNotFoundError(
            "lava_dt.nir needs the package nir, which is not installed: pip install 'lava-dt[nir]'", name="nir"
        ) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
