"""The patches that there are, the named sets of them, and what is applied in this process."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from patches import lava_dl, lava_nc
from patches.change import Change
from patches.error import PatchError, PatchWarning
from patches.import_hook import ImportHook
from patches.patch import Patch, State

PATCHES: dict[str, Patch] = {patch.name: patch for patch in (*lava_nc.PATCHES, *lava_dl.PATCHES)}

SETS: dict[str, tuple[str, ...]] = {
    "modern-python": (
        "lava-nc-byte-encoder",
        "lava-nc-reshape-port",
        "lava-nc-conv-shape",
        "lava-nc-start-method",
        "lava-dl-vision-stand-ins",
        "lava-dl-trapz",
        "netx-input-scalars",
        "netx-close-files",
    ),
}


@dataclass(frozen=True)
class PatchStatus:
    """One row of :func:`status`."""

    name: str
    upstream: str
    state: State
    reason: str
    sets: tuple[str, ...]


_lock = threading.RLock()
_applied: dict[str, Patch] = {}
_failed: dict[str, str] = {}


def apply(name: str) -> list[PatchStatus]:
    """Apply a patch, or all those of a set that the running stack needs; imports no upstream module.

    Modules not imported yet are changed when they are. A patch that is applied already stays as it is.

    Args:
        name: a patch (``'lava-nc-reshape-port'``) or a set (``'modern-python'``).

    Returns:
        a row for each patch concerned, which says applied or why it was not needed.

    Raises:
        PatchError: an installed version or source text that a patch does not know; nothing is applied then.
        ValueError: an unknown name.
    """
    with _lock:
        members = [patch for patch in _members(name) if patch.name not in _applied]
        needed = [patch for patch in members if patch.why_not_needed() is None]
        refused = [reason for reason in (patch.why_refused() for patch in needed) if reason]
        if refused:
            raise PatchError("; ".join(refused))
        done: list[Patch] = []
        try:
            for patch in needed:
                done.append(patch)
                _install(patch)
        except BaseException:
            for patch in reversed(done):
                _remove(patch)
            raise
        return [_row(patch) for patch in _members(name)]


def revert(name: str) -> list[PatchStatus]:
    """Put upstream's own objects back; patches that are not applied are left alone.

    Raises:
        PatchError: somebody replaced an object again after the patch did; that replacement has to go first.
        ValueError: an unknown name.
    """
    with _lock:
        for patch in reversed(_members(name)):
            if patch.name in _applied:
                _remove(patch)
        return [_row(patch) for patch in _members(name)]


@contextlib.contextmanager
def applied(name: str) -> Iterator[list[PatchStatus]]:
    """Apply for one ``with`` block; what was applied before it stays applied after it."""
    with _lock:
        before = set(_applied)
        rows = apply(name)
        new = [patch for patch in _members(name) if patch.name in _applied and patch.name not in before]
    try:
        yield rows
    finally:
        for patch in reversed(new):
            revert(patch.name)


def status() -> list[PatchStatus]:
    """A row for every patch: applied, not applied, not needed here, or refused and why. Changes nothing."""
    with _lock:
        return [_row(patch) for patch in PATCHES.values()]


def _members(name: str) -> list[Patch]:
    if name in PATCHES:
        return [PATCHES[name]]
    if name in SETS:
        return [PATCHES[member] for member in SETS[name]]
    known = ", ".join([*SETS, *PATCHES])
    raise ValueError(f"there is no patch or set of patches called {name!r}: the names are {known}")


def _install(patch: Patch) -> None:
    _failed.pop(patch.name, None)
    _applied[patch.name] = patch
    for change in patch.changes:
        _hook.watch(change)
        module = sys.modules.get(change.module)
        if module is not None:
            change.install(module)


def _remove(patch: Patch) -> None:
    for change in reversed(patch.changes):
        module = sys.modules.get(change.module)
        if module is not None:
            change.remove(module)
        _hook.forget(change)
    _applied.pop(patch.name, None)


def _give_up(change: Change, error: ValueError) -> None:
    """A change that waited for an import met something else than upstream: undo its patch and say so."""
    for patch in [patch for patch in _applied.values() if change in patch.changes]:
        _failed[patch.name] = str(error)
        _remove(patch)
        warnings.warn(f"the patch {patch.name!r} was not made: {error}", PatchWarning, stacklevel=2)


_hook = ImportHook(_give_up)


def _row(patch: Patch) -> PatchStatus:
    sets = tuple(name for name, members in SETS.items() if patch.name in members)
    state, reason = _state(patch)
    return PatchStatus(patch.name, patch.upstream, state, reason, sets)


def _state(patch: Patch) -> tuple[State, str]:
    if patch.name in _applied:
        waiting = dict.fromkeys(c.module for c in patch.changes if c.module not in sys.modules)
        suffix = f" (waits for the import of {', '.join(waiting)})" if waiting else ""
        return State.APPLIED, patch.reason + suffix
    if patch.name in _failed:
        return State.REFUSED, _failed[patch.name]
    unneeded = patch.why_not_needed()
    if unneeded:
        return State.NOT_NEEDED, unneeded
    refused = patch.why_refused()
    return (State.REFUSED, refused) if refused else (State.NOT_APPLIED, patch.reason)
