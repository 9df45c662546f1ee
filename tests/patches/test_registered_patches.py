"""What holds for every patch in the registry."""

from __future__ import annotations

import importlib.metadata
import pkgutil

import pytest

import patches
import patches.patch
from patches import bats, lava_dl, lava_nc, registry
from patches.binding import Binding
from patches.patch import Patch

ALL = list(registry.PATCHES.values())


def installed_or_skip(patch: Patch) -> None:
    try:
        importlib.metadata.version(patch.package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{patch.package} is not installed")


def test_each_patch_has_a_file_of_its_own() -> None:
    for package in (lava_nc, lava_dl):
        files = [module.name for module in pkgutil.iter_modules(package.__path__)]
        assert len(files) == len(package.PATCHES)


def test_names_are_unique_and_sets_name_patches() -> None:
    assert len(registry.PATCHES) == len(lava_nc.PATCHES) + len(lava_dl.PATCHES) + len(bats.PATCHES)
    for members in registry.SETS.values():
        assert set(members) <= set(registry.PATCHES)


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: patch.name)
def test_it_says_why_and_what(patch: Patch) -> None:
    assert patch.reason
    assert bool(patch.versions) != bool(patch.commit)
    assert all(change.guarded or isinstance(change, Binding) for change in patch.changes)
    assert patch.upstream.startswith(f"{patch.package}: {patch.package.partition('-')[0]}.")


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: patch.name)
def test_it_knows_the_installed_upstream(patch: Patch) -> None:
    installed_or_skip(patch)
    assert patch.why_refused() is None


@pytest.mark.parametrize("patch", [patch for patch in ALL if patch.versions], ids=lambda patch: patch.name)
def test_it_refuses_another_version(patch: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches.patch, "installed_version", lambda package: "9.9.9")
    with pytest.raises(patches.PatchError) as refusal:
        patch.check()
    assert str(refusal.value).startswith(
        f"{patch.package} 9.9.9 is installed, but the patch {patch.name!r} knows only {patch.versions[0]}: install "
    )


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: patch.name)
def test_it_refuses_another_source(patch: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    installed_or_skip(patch)
    monkeypatch.setattr(patches.patch, "fingerprint", lambda text: "0123456789abcdef")
    with pytest.raises(patches.PatchError, match=r"fingerprint 0123456789abcdef, known [0-9a-f]{16}\): the installed"):
        patch.check()
