"""lava-dl-trapz: average precision of object detection works where NumPy has no ``trapz`` any more.

``boundingbox.metrics`` calls ``np.trapz``, which NumPy 2.4 removed in favour of ``np.trapezoid``. Here that
module alone sees a ``np`` that has both.
"""

from __future__ import annotations

import types

from patches.change import Change, ModuleOverlay
from patches.patch import Patch


class _TrapezoidUnderBothNames(Change):
    def install(self, module: types.ModuleType) -> None:
        import numpy as np

        if not isinstance(module.np, ModuleOverlay):
            module.np = ModuleOverlay(np, trapz=np.trapezoid)  # type: ignore[attr-defined]

    def remove(self, module: types.ModuleType) -> None:
        import numpy as np

        module.np = np  # type: ignore[attr-defined]


def _not_needed() -> str | None:
    import numpy as np

    return f"NumPy {np.__version__} has trapz" if hasattr(np, "trapz") else None


PATCH = Patch(
    name="lava-dl-trapz",
    reason="NumPy 2.4 removed np.trapz: the average precision of object detection raises AttributeError",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        _TrapezoidUnderBothNames(
            "lava.lib.dl.slayer.object_detection.boundingbox.metrics", {"compute_ap": ("a6e814b2d990f2a5",)}
        ),
    ),
    not_needed=_not_needed,
)
