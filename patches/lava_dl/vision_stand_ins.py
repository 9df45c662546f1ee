"""lava-dl-vision-stand-ins: ``import lava.lib.dl.slayer`` works without torchvision and OpenCV.

``slayer`` imports its object detection, which imports torchvision and cv2 at the top of three files; netx
imports slayer. Nothing else uses them. Here those three modules get stand-ins that say what is missing when
used. The stand-ins never enter ``sys.modules``: for everybody else torchvision stays as absent as it is.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Mapping
from typing import Any

from patches.change import ImportChange
from patches.patch import Patch

_PACKAGES = {"torchvision": "torchvision", "cv2": "opencv-python-headless"}


class StandIn(types.ModuleType):
    """Stands for a module that is not installed; using anything of it raises ModuleNotFoundError."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        top = self.__name__.partition(".")[0]
        raise ModuleNotFoundError(
            f"{self.__name__}.{name} was asked for, but {top} is not installed and lava-dl's object "
            f"detection needs it: pip install {_PACKAGES[top]}, and start Python again",
            name=top,
        )


class _StandInsWhereMissing(ImportChange):
    """Imports that fail for a missing top-level module give a stand-in."""

    def __init__(self, module: str, guarded: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(module, guarded)
        self._removed: dict[str, StandIn] = {}

    def own_builtins(self, standard: Mapping[str, Any]) -> dict[str, Any]:
        plain = standard["__import__"]

        def import_(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
            if not self.executing or level or name not in _PACKAGES or _is_there(name):
                return plain(name, globals, locals, fromlist, level)
            stand_in = StandIn(name)
            for member in fromlist or ():
                setattr(stand_in, member, StandIn(f"{name}.{member}"))
            return stand_in

        return {"__import__": import_}

    def install(self, module: types.ModuleType) -> None:
        for name, stand_in in self._removed.items():
            module.__dict__.setdefault(name, stand_in)
        self._removed.clear()

    def remove(self, module: types.ModuleType) -> None:
        for name, value in list(vars(module).items()):
            if isinstance(value, StandIn):
                self._removed[name] = value
                delattr(module, name)


def _is_there(name: str) -> bool:
    return sys.modules.get(name) is not None or importlib.util.find_spec(name) is not None


def _not_needed() -> str | None:
    if all(_is_there(name) for name in _PACKAGES):
        return "torchvision and cv2 are installed"
    return None


_DETECTION = "lava.lib.dl.slayer.object_detection"

PATCH = Patch(
    name="lava-dl-vision-stand-ins",
    reason="slayer and netx cannot be imported without torchvision and cv2, which they do not use",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        _StandInsWhereMissing(f"{_DETECTION}.boundingbox.utils", {"": ("9566c43b1a707c05",)}),
        _StandInsWhereMissing(f"{_DETECTION}.dataset.bdd100k", {"": ("8f38d45f74c23bcf",)}),
        _StandInsWhereMissing(f"{_DETECTION}.dataset.prophesee_automotive", {"": ("e55ff05140627c27",)}),
    ),
    not_needed=_not_needed,
)
