"""From a trained network to a file and to Lava, back from the file, and the proof that both spike the same.

Lava's runtime is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lava_dt.export.bats import FromBATS as FromBATS
    from lava_dt.export.bats import Stages as Stages
    from lava_dt.export.bats import from_bats as from_bats
    from lava_dt.export.bats import stages as stages
    from lava_dt.export.feasibility import Feasibility as Feasibility
    from lava_dt.export.feasibility import LayerFeasibility as LayerFeasibility
    from lava_dt.export.feasibility import feasible as feasible
    from lava_dt.export.hdf5 import write_hdf5 as write_hdf5
    from lava_dt.export.lava_network import to_lava as to_lava
    from lava_dt.export.parity import verify as verify
    from lava_dt.export.reading import read_hdf5 as read_hdf5
    from lava_dt.export.report import Divergence as Divergence
    from lava_dt.export.report import LayerParity as LayerParity
    from lava_dt.export.report import ParityReport as ParityReport
    from lava_dt.export.schema import NetworkFileError as NetworkFileError

_HOMES = {
    "Divergence": "report",
    "Feasibility": "feasibility",
    "FromBATS": "bats",
    "LayerFeasibility": "feasibility",
    "feasible": "feasibility",
    "LayerParity": "report",
    "NetworkFileError": "schema",
    "ParityReport": "report",
    "Stages": "bats",
    "from_bats": "bats",
    "read_hdf5": "reading",
    "stages": "bats",
    "to_lava": "lava_network",
    "verify": "parity",
    "write_hdf5": "hdf5",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
