"""lava-dl-cuda-arch: lava-dl's CUDA extensions are compiled for the GPUs that are there.

``slayer.jitconfig`` asks for sm_80 on every GPU of capability 8.0 or above, a stop-gap of 2021; code for sm_80 does not
run on capability 9.0 and above ("no kernel image is available"). Here it asks for the capability of each visible GPU.
An extension that the process has loaded already stays as it was compiled.
"""

from __future__ import annotations

import types
from typing import Any

from patches.change import Change
from patches.patch import Patch

_NAME = "TORCH_CUDA_ARCH_LIST"


class _OwnCapability(Change):
    """Exchanges the pinned architecture; what somebody else has set there stays."""

    _upstream: Any = None
    _own: str | None = None

    def install(self, module: types.ModuleType) -> None:
        if getattr(module, _NAME) == "8.0":
            self._upstream, self._own = "8.0", _capabilities()
            setattr(module, _NAME, self._own)

    def remove(self, module: types.ModuleType) -> None:
        if self._own is not None and getattr(module, _NAME) == self._own:
            setattr(module, _NAME, self._upstream)
        self._own = None


def _capabilities() -> str:
    """The capability of every visible GPU as torch's extension builder takes it: ``'8.6;9.0'``."""
    import torch

    found = {torch.cuda.get_device_capability(device) for device in range(torch.cuda.device_count())}
    return ";".join(f"{major}.{minor}" for major, minor in sorted(found))


PATCH = Patch(
    name="lava-dl-cuda-arch",
    reason="CUDA extensions are compiled for sm_80 on every newer GPU, and do not run on capability 9.0 and above",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(_OwnCapability("lava.lib.dl.slayer.jitconfig", {"": ("354ba18fc70bb6ab",)}),),
)
