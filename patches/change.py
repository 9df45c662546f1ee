"""The kinds of change a patch makes to an upstream module: now, or at the moment the module is imported."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from patches.error import PatchError
from patches.source import fingerprint


class Change:
    """A change to one module.

    ``guarded`` maps the qualified names of the symbols concerned (``''``: the whole file; a name with a suffix, as
    ``'kernel.cu'``: a file beside the module's) to the fingerprints known. An import runs inside
    :meth:`during_import` and ends with :meth:`install`; a module that was there before only sees :meth:`install`.
    :meth:`remove` puts the upstream objects back. All may be called twice. ``options`` are those that its patch is
    applied with.
    """

    module: str
    guarded: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Any] = types.MappingProxyType({})

    def __init__(self, module: str, guarded: Mapping[str, tuple[str, ...]]) -> None:
        self.module = module
        self.guarded = guarded

    def symbols(self) -> list[str]:
        """The full names of the guarded symbols."""
        return [f"{self.module}.{name}" if name else self.module for name in self.guarded]

    @contextlib.contextmanager
    def during_import(self, module: types.ModuleType) -> Iterator[None]:
        """Surrounds the execution of the module's code."""
        yield

    def install(self, module: types.ModuleType) -> None:
        """Change the executed module."""

    def remove(self, module: types.ModuleType) -> None:
        """Undo :meth:`install` on the module."""


class Replacement(Change):
    """Puts ``make(original, **options)`` in the place of a function, method or name of a module.

    ``make`` gets the object as it stands in its owner's ``__dict__`` (a ``staticmethod`` stays one), and the
    options that its patch is applied with. :meth:`install` raises PatchError where the live object is not
    upstream's, :meth:`remove` where somebody has replaced it again.
    """

    def __init__(self, module: str, attribute: str, fingerprints: tuple[str, ...], make: Callable[..., Any]):
        super().__init__(module, {attribute: fingerprints})
        self.attribute = attribute
        self.make = make
        self._original: Any = None
        self._replacement: Any = None

    @property
    def objects(self) -> tuple[Any, Any]:
        """Upstream's object and what stands in its place, None before :meth:`install` and after :meth:`remove`."""
        return self._original, self._replacement

    def _owner(self, module: types.ModuleType) -> tuple[Any, str]:
        *path, name = self.attribute.split(".")
        owner: Any = module
        for step in path:
            owner = getattr(owner, step)
        return owner, name

    def install(self, module: types.ModuleType) -> None:
        owner, name = self._owner(module)
        current = owner.__dict__[name]
        if self._replacement is not None and current is self._replacement:
            return
        self._check_live(owner, name)
        self._original, self._replacement = current, self.make(current, **self.options)
        setattr(owner, name, self._replacement)

    def remove(self, module: types.ModuleType) -> None:
        if self._replacement is None:
            return
        owner, name = self._owner(module)
        current = owner.__dict__[name]
        if current is self._original:
            return
        if current is not self._replacement:
            raise PatchError(self._replaced_after())
        setattr(owner, name, self._original)
        self._original = self._replacement = None

    def _check_live(self, owner: Any, name: str) -> None:
        if _live_fingerprint(getattr(owner, name)) not in self.guarded[self.attribute]:
            raise PatchError(
                f"{self.module}.{self.attribute} was replaced in this process before the patch came: undo "
                "that replacement first (another patch's with patches.revert), or go without this patch"
            )

    def _replaced_after(self) -> str:
        return (
            f"{self.module}.{self.attribute} was replaced once more after the patch: undo that replacement first, then "
            "revert the patch"
        )


class ImportChange(Change):
    """Runs a module's code with some built-ins of its own: nothing outside that module sees them.

    Subclasses give :meth:`own_builtins`; what they return acts while :attr:`executing` is true.
    """

    executing = False

    def own_builtins(self, standard: Mapping[str, Any]) -> dict[str, Any]:
        """The built-ins that differ, as ``{name: object}``."""
        raise NotImplementedError

    @contextlib.contextmanager
    def during_import(self, module: types.ModuleType) -> Iterator[None]:
        namespace = module.__dict__
        outer = namespace.get("__builtins__", vars(builtins))
        standard = vars(outer) if isinstance(outer, types.ModuleType) else outer
        namespace["__builtins__"] = {**standard, **self.own_builtins(standard)}
        self.executing = True
        try:
            yield
        finally:
            self.executing = False
            namespace["__builtins__"] = outer


class ModuleOverlay(types.ModuleType):
    """A module seen through a few names of one's own; everything else is the module's."""

    def __init__(self, base: types.ModuleType, **names: Any) -> None:
        super().__init__(base.__name__, base.__doc__)
        self.__dict__.update(names)
        self.__dict__["_base"] = base

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_base"], name)


def _live_fingerprint(value: Any) -> str:
    # The code object, because inspect looks through functools.wraps and would miss another wrapper.
    try:
        return fingerprint(inspect.getsource(getattr(value, "__code__", value)))
    except (OSError, TypeError):
        return "none: no source"
