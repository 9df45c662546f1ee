"""The patches that there are, the named sets of them, and what is applied in this process."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patches import bats, lava_dl, lava_nc
from patches.change import Change
from patches.error import PatchError, PatchWarning
from patches.import_hook import ImportHook
from patches.option import resolve, said, signature
from patches.patch import Patch, State

PATCHES: dict[str, Patch] = {patch.name: patch for patch in (*lava_nc.PATCHES, *lava_dl.PATCHES, *bats.PATCHES)}

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
    "lava-dl-fixes": (
        "lava-dl-decay-gradient",
        "lava-dl-cuda-threshold",
        "lava-dl-cuda-arch",
    ),
}


@dataclass(frozen=True)
class PatchStatus:
    """One row of :func:`status`; ``options`` are the values that the patch is applied with."""

    name: str
    upstream: str
    state: State
    reason: str
    sets: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


_lock = threading.RLock()
_applied: dict[str, Patch] = {}
_options: dict[str, dict[str, Any]] = {}
_failed: dict[str, str] = {}


def apply(name: str, **options: Any) -> list[PatchStatus]:
    """Apply a patch, or all those of a set that the running stack needs; imports no upstream module.

    Modules not imported yet are changed when they are. A patch that is applied already stays as it is.

    Args:
        name: a patch (``'lava-nc-reshape-port'``) or a set (``'modern-python'``).
        options: what the patch of that name takes (:func:`status` says what); a set takes none.

    Returns:
        a row for each patch concerned, which says applied or why it was not needed.

    Raises:
        PatchError: an installed version or source text that a patch does not know, a checkout that is not on the path,
            or the patch is applied with other options; nothing is applied then.
        TypeError: an option that the patch does not have, or a required one that is missing; options for a set.
        ValueError: an unknown name.
        TypeError, ValueError: what the patch says of an option's value.
    """
    with _lock:
        values = _resolved(name, options)
        members = [patch for patch in _members(name) if patch.name not in _applied]
        needed = [patch for patch in members if patch.commit or patch.why_not_needed() is None]
        refused = [reason for reason in (patch.why_refused() for patch in needed) if reason]
        if refused:
            raise PatchError("; ".join(refused))
        done: list[Patch] = []
        try:
            for patch in needed:
                done.append(patch)
                _install(patch, values[patch.name])
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
def applied(name: str, **options: Any) -> Iterator[list[PatchStatus]]:
    """Apply for one ``with`` block; what was applied before it stays applied after it. Raises as :func:`apply`."""
    with _lock:
        before = set(_applied)
        rows = apply(name, **options)
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


def _resolved(name: str, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of every member, by the patch's name; those of a patch that is applied have to be the same."""
    members = _members(name)
    if given and name in SETS:
        raise TypeError(
            f"{name!r} is a set of patches, and a set takes no options, but {said(given)} was given: apply the patch "
            "concerned by its own name"
        )
    values = {patch.name: resolve(patch.name, patch.options, given) for patch in members}
    for patch in members:
        if patch.name in _applied and _options[patch.name] != values[patch.name]:
            raise PatchError(
                f"the patch {patch.name!r} is applied with {said(_options[patch.name])}: revert it before it is "
                f"applied with {said(values[patch.name])}"
            )
    return values


def _install(patch: Patch, options: dict[str, Any]) -> None:
    _failed.pop(patch.name, None)
    _applied[patch.name] = patch
    _options[patch.name] = options
    for change in patch.changes:
        change.options = options
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
    _options.pop(patch.name, None)


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
    return PatchStatus(patch.name, patch.upstream, state, reason, sets, dict(_options.get(patch.name, {})))


def _state(patch: Patch) -> tuple[State, str]:
    if patch.name in _applied:
        waiting = dict.fromkeys(c.module for c in patch.changes if c.module not in sys.modules)
        suffix = f" (waits for the import of {', '.join(waiting)})" if waiting else ""
        chosen = f" ({said(_options[patch.name])})" if patch.options else ""
        return State.APPLIED, patch.reason + chosen + suffix
    if patch.name in _failed:
        return State.REFUSED, _failed[patch.name]
    unneeded = patch.why_not_needed()
    if unneeded:
        return State.NOT_NEEDED, unneeded
    refused = patch.why_refused()
    if refused:
        return State.REFUSED, refused
    choice = f" (options: {signature(patch.options)})" if patch.options else ""
    return State.NOT_APPLIED, patch.reason + choice
