"""A change that several patches can make to one function, in any order, and undo in any order."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from patches.change import Replacement
from patches.error import PatchError


@dataclass
class _Tower:
    """Upstream's object below, one layer a patch above it, and what stands in the module now."""

    original: Any
    live: Any
    layers: list[Layer] = field(default_factory=list)


# by the full name of the function wrapped
_towers: dict[str, _Tower] = {}


class Layer(Replacement):
    """Puts ``make(below, **options)`` around what is below: upstream's function, or the layers of patches before.

    The layers of a function lie in the order in which their patches were applied, whoever else comes or goes; without
    layers it is upstream's own object again. :meth:`install` and :meth:`remove` raise PatchError where somebody who is
    no layer has replaced the function.
    """

    def __init__(self, module: str, attribute: str, fingerprints: tuple[str, ...], make: Callable[..., Any]) -> None:
        super().__init__(module, attribute, fingerprints, make)
        self._name = f"{module}.{attribute}"

    def install(self, module: types.ModuleType) -> None:
        owner, name = self._owner(module)
        tower = _towers.get(self._name)
        if tower is None or owner.__dict__[name] is not tower.live:
            self._check_live(owner, name)
            tower = _towers[self._name] = _Tower(owner.__dict__[name], owner.__dict__[name])
        if self not in tower.layers:
            self._rebuild(tower, [*tower.layers, self], owner, name)

    def remove(self, module: types.ModuleType) -> None:
        tower = _towers.get(self._name)
        if tower is None or self not in tower.layers:
            return
        owner, name = self._owner(module)
        if owner.__dict__[name] is not tower.live:
            raise PatchError(self._replaced_after())
        self._rebuild(tower, [layer for layer in tower.layers if layer is not self], owner, name)
        if not tower.layers:
            del _towers[self._name]

    def _rebuild(self, tower: _Tower, layers: list[Layer], owner: Any, name: str) -> None:
        live = tower.original
        for layer in layers:
            live = layer.make(live, **layer.options)
        setattr(owner, name, live)
        tower.live, tower.layers = live, layers
