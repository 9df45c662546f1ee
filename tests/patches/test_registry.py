"""apply, revert, status and the guards, on a small upstream made here."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import patches
from patches.change import Replacement
from patches.patch import Patch
from patches.source import fingerprint, symbol_text

SOURCE = """
class Port:
    @staticmethod
    def scale(x):
        return 2 * x

    def shape(self):
        return "upstream"


def ready():
    return "upstream"
"""


def replaced(original: Any) -> Any:
    """A replacement that calls what it replaces."""

    @functools.wraps(original)
    def ready() -> str:
        return f"patched {original()}"

    return ready


def patch_of(attribute: str = "ready", make: Callable[[Any], Any] = replaced, **other: Any) -> Patch:
    text = symbol_text(SOURCE, attribute)
    assert text is not None
    options: dict[str, Any] = {
        "name": "faux-ready",
        "reason": "it says upstream",
        "package": "faux-up",
        "versions": ("1.0",),
        "changes": (Replacement("faux_up.ports", attribute, (fingerprint(text),), make),),
    }
    return Patch(**{**options, **other})


@pytest.fixture
def register(small_upstream: Callable[..., Callable[..., None]]) -> Callable[..., None]:
    return small_upstream("ports", SOURCE)


def ports() -> Any:
    return importlib.import_module("faux_up.ports")


def row() -> patches.PatchStatus:
    return patches.status()[0]


def test_applying_replaces_and_reverting_restores_the_very_same_object(register: Any) -> None:
    register(patch_of())
    upstream = ports().ready
    assert patches.apply("faux-ready")[0].state is patches.State.APPLIED
    assert ports().ready() == "patched upstream"
    assert patches.revert("faux-ready")[0].state is patches.State.NOT_APPLIED
    assert ports().ready is upstream


def test_applying_imports_nothing_and_acts_when_the_module_is_imported(register: Any) -> None:
    register(patch_of())
    rows = patches.apply("all-of-them")
    assert "faux_up" not in sys.modules
    assert rows[0].reason == "it says upstream (waits for the import of faux_up.ports)"
    assert ports().ready() == "patched upstream"
    assert row().reason == "it says upstream"
    assert "exec_module" not in vars(ports().__loader__)
    patches.revert("all-of-them")
    assert ports().ready() == "upstream"


def test_a_reloaded_module_is_patched_again(register: Any) -> None:
    register(patch_of())
    patches.apply("faux-ready")
    assert importlib.reload(ports()).ready() == "patched upstream"
    patches.revert("faux-ready")
    assert ports().ready() == "upstream"


def test_a_patch_reverted_before_the_import_leaves_no_trace(register: Any) -> None:
    register(patch_of())
    finders = list(sys.meta_path)
    patches.apply("faux-ready")
    patches.revert("faux-ready")
    assert sys.meta_path == finders
    assert ports().ready() == "upstream"


def test_applying_twice_is_applying_once_and_so_is_reverting(register: Any) -> None:
    register(patch_of())
    upstream = ports().ready
    patches.apply("faux-ready")
    once = ports().ready
    patches.apply("faux-ready")
    patches.apply("all-of-them")
    assert ports().ready is once
    patches.revert("faux-ready")
    patches.revert("faux-ready")
    assert ports().ready is upstream
    patches.apply("faux-ready")
    assert ports().ready() == "patched upstream"


def test_a_static_method_is_given_back_as_one(register: Any) -> None:
    register(patch_of("Port.scale", lambda original: staticmethod(lambda x: -original.__func__(x))))
    upstream = ports().Port.__dict__["scale"]
    patches.apply("faux-ready")
    assert ports().Port.scale(3) == -6
    patches.revert("faux-ready")
    assert ports().Port.__dict__["scale"] is upstream


def test_a_with_block_applies_for_its_own_length(register: Any) -> None:
    register(patch_of())
    with patches.applied("faux-ready") as rows:
        assert rows[0].state is patches.State.APPLIED
        assert ports().ready() == "patched upstream"
        with patches.applied("all-of-them"):
            pass
        assert ports().ready() == "patched upstream"
    assert ports().ready() == "upstream"


def test_an_unknown_version_is_refused_in_words(register: Any) -> None:
    register(patch_of(versions=("0.8", "0.9")))
    with pytest.raises(patches.PatchError) as refusal:
        patches.apply("faux-ready")
    assert str(refusal.value) == (
        "faux-up 1.0 is installed, but the patch 'faux-ready' knows only 0.8 or 0.9: install faux-up==0.9, or go "
        "without the patch 'faux-ready'"
    )
    assert row().state is patches.State.REFUSED
    assert row().reason == str(refusal.value)
    assert ports().ready() == "upstream"


def test_sources_without_a_version_are_refused_in_words(register: Any, tmp_path: Path) -> None:
    register(patch_of())
    (tmp_path / "faux_up-1.0.dist-info" / "METADATA").unlink()
    (tmp_path / "faux_up-1.0.dist-info").rmdir()
    with pytest.raises(patches.PatchError, match="faux-up without a version is installed, but the patch"):
        patches.apply("faux-ready")


def test_a_changed_source_is_refused_in_words(register: Any, tmp_path: Path) -> None:
    register(patch_of())
    (tmp_path / "faux_up" / "ports.py").write_text(SOURCE.replace('ready():\n    return "upstream"', "ready(): ..."))
    with pytest.raises(
        patches.PatchError, match=r"faux_up.ports.ready of faux-up 1.0 is not the source that the patch"
    ) as e:
        patches.apply("faux-ready")
    assert "reinstall faux-up==1.0, or go without the patch" in str(e.value)


def test_a_changed_neighbour_is_no_reason_to_refuse(register: Any, tmp_path: Path) -> None:
    register(patch_of())
    changed = SOURCE.replace("2 * x", "3 * x").replace("\n", "\r\n")
    (tmp_path / "faux_up" / "ports.py").write_bytes(changed.encode())
    assert patches.apply("faux-ready")[0].state is patches.State.APPLIED


def test_a_missing_symbol_or_file_is_refused(register: Any, tmp_path: Path) -> None:
    register(patch_of())
    (tmp_path / "faux_up" / "ports.py").write_text("")
    with pytest.raises(patches.PatchError, match="fingerprint none: no such symbol"):
        patches.apply("faux-ready")
    (tmp_path / "faux_up" / "ports.py").unlink()
    with pytest.raises(patches.PatchError, match="fingerprint none: no source file"):
        patches.apply("faux-ready")


def test_an_object_that_others_have_replaced_is_left_to_them(register: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    register(patch_of())
    theirs = replaced(ports().ready)
    monkeypatch.setattr(ports(), "ready", theirs)
    with pytest.raises(patches.PatchError, match="was replaced in this process before the patch came: undo that"):
        patches.apply("faux-ready")
    assert ports().ready is theirs
    assert row().state is patches.State.NOT_APPLIED


def test_reverting_below_a_later_replacement_is_refused_until_that_is_undone(register: Any) -> None:
    register(patch_of())
    upstream = ports().ready
    patches.apply("faux-ready")
    ours = ports().ready
    ports().ready = len
    with pytest.raises(patches.PatchError, match="was replaced once more after the patch"):
        patches.revert("faux-ready")
    assert row().state is patches.State.APPLIED
    ports().ready = ours
    patches.revert("faux-ready")
    assert ports().ready is upstream


def test_what_meets_something_else_at_its_import_warns_and_undoes_its_patch(register: Any) -> None:
    first = patch_of(name="faux-first")
    register(first, patch_of())
    patches.apply("all-of-them")
    with pytest.warns(patches.PatchWarning, match="the patch 'faux-ready' was not made: faux_up.ports.ready was"):
        assert ports().ready() == "patched upstream"
    states = {row.name: row.state for row in patches.status()}
    assert states == {"faux-first": patches.State.APPLIED, "faux-ready": patches.State.REFUSED}


def test_what_the_stack_does_not_need_is_not_applied(register: Any) -> None:
    register(patch_of(not_needed=lambda: "this NumPy is old"))
    for rows in (patches.apply("faux-ready"), patches.status(), patches.revert("faux-ready")):
        assert [(row.state, row.reason) for row in rows] == [(patches.State.NOT_NEEDED, "this NumPy is old")]
    assert ports().ready() == "upstream"


def test_a_package_that_is_not_installed_needs_no_patch(register: Any) -> None:
    elsewhere = (Replacement("no_such_upstream.ports", "ready", ("0",), replaced),)
    register(patch_of(package="no-such-upstream", changes=elsewhere))
    row = patches.apply("faux-ready")[0]
    assert (row.state, row.reason) == (patches.State.NOT_NEEDED, "no-such-upstream is not installed")


def test_a_set_is_applied_whole_or_not_at_all(register: Any) -> None:
    register(patch_of(name="fits"), patch_of(name="does-not", versions=("2.0",)))
    with pytest.raises(patches.PatchError, match=r"the patch 'does-not' knows only 2\.0"):
        patches.apply("all-of-them")
    assert [row.state for row in patches.status()] == [patches.State.NOT_APPLIED, patches.State.REFUSED]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="no patch or set of patches called 'modern': the names are modern-python, lava-"
    ):
        patches.apply("modern")
    with pytest.raises(ValueError, match="no patch or set of patches called"):
        patches.revert("modern")


def test_a_row_names_the_upstream_symbol_and_the_sets(register: Any) -> None:
    register(patch_of())
    assert row() == patches.PatchStatus(
        "faux-ready", "faux-up: faux_up.ports.ready", patches.State.NOT_APPLIED, "it says upstream", ("all-of-them",)
    )
    assert f"{row().state}" == "not applied"
