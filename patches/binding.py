"""A change to a module that holds another module's function under a name of its own."""

from __future__ import annotations

import types
from typing import Any

from patches.change import Change, Replacement
from patches.error import PatchError


class Binding(Change):
    """Lets the name that ``from ... import`` bound in ``module`` follow a :class:`Replacement`, there and back.

    A module imported while the replacement stands has bound that one, one imported before has bound upstream's: either
    way it follows, and a module without the name needs nothing. In the patch it stands behind the replacement, whose
    guards are its own. Both methods raise PatchError where somebody else's object bears the name.
    """

    def __init__(self, module: str, attribute: str, of: Replacement) -> None:
        super().__init__(module, {})
        self.attribute = attribute
        self._of = of

    def install(self, module: types.ModuleType) -> None:
        self._rebind(module, *self._of.objects)

    def remove(self, module: types.ModuleType) -> None:
        original, replacement = self._of.objects
        if replacement is not None:
            self._rebind(module, replacement, original)

    def _rebind(self, module: types.ModuleType, before: Any, after: Any) -> None:
        current = vars(module).get(self.attribute, after)
        if current is before:
            setattr(module, self.attribute, after)
        elif current is not after:
            raise PatchError(
                f"{self.module}.{self.attribute} is neither upstream's function nor the patch's: somebody replaced it; "
                "undo that replacement first"
            )
