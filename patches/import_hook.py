"""Makes changes to modules at the moment they are imported, so that applying a patch imports nothing."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence

from patches.change import Change


class ImportHook(importlib.abc.MetaPathFinder):
    """A finder that surrounds the execution of watched modules.

    It finds nothing itself: it asks the finders behind it and hands on their spec, whose loader runs the
    module's code inside the changes watching for that name. ``on_error`` gets a change whose ``install``
    failed. The hook stands in ``sys.meta_path`` only while something is watched.
    """

    def __init__(self, on_error: Callable[[Change, ValueError], None]) -> None:
        self._watching: dict[str, list[Change]] = {}
        self._on_error = on_error

    def watch(self, change: Change) -> None:
        """Make this change at every coming import (or reload) of its module."""
        changes = self._watching.setdefault(change.module, [])
        if change not in changes:
            changes.append(change)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def forget(self, change: Change) -> None:
        """Stop watching for this change's module."""
        changes = self._watching.get(change.module, [])
        if change in changes:
            changes.remove(change)
        if not changes:
            self._watching.pop(change.module, None)
        if not self._watching and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the finders behind this one, its loader surrounded by the changes."""
        if fullname not in self._watching:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
                    self._surround(spec.loader, tuple(self._watching[fullname]))
                return spec
        return None

    def _surround(self, loader: importlib.machinery.SourceFileLoader, changes: tuple[Change, ...]) -> None:
        run = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            with contextlib.ExitStack() as stack:
                for change in changes:
                    stack.enter_context(change.during_import(module))
                run(module)
            vars(loader).pop("exec_module", None)
            for change in changes:
                try:
                    change.install(module)
                except ValueError as error:
                    self._on_error(change, error)

        # The loader was made for this one spec; its own method shadows the class's until the module has run.
        vars(loader)["exec_module"] = exec_module
