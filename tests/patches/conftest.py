"""Fixtures of the patch tests: a stack as it was before, and child interpreters for what happens at import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import patches
from patches import registry
from patches.patch import Patch

ROOT = Path(patches.__file__).parents[1]
# A Lava network that fails in a child process hangs rather than ends; no child may outlive its test.
CHILD_SECONDS = 240


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Puts every patch back into the state that it had before the test."""
    before = {row.name: row for row in patches.status() if row.state is patches.State.APPLIED}
    yield
    for row in patches.status():
        if row.state is patches.State.APPLIED and row.name not in before:
            patches.revert(row.name)
        if row.state is not patches.State.APPLIED and row.name in before:
            patches.apply(row.name, **before[row.name].options)


@pytest.fixture
def needed(as_it_was: None) -> Callable[[str], None]:
    """Reverts a patch, and skips the test with the patch's own words where this stack has no such defect."""

    def check(name: str) -> None:
        patches.apply("modern-python")
        patches.revert(name)
        row = next(row for row in patches.status() if row.name == name)
        if row.state is patches.State.NOT_NEEDED:
            pytest.skip(row.reason)

    return check


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[[str], str]:
    """Runs a script in a fresh interpreter, fails with its output unless it ends well, returns what it printed."""

    def run(script: str) -> str:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
        )
        if done.returncode:
            pytest.fail(f"the script ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    return run


@pytest.fixture
def small_upstream(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str, str], Callable[..., None]]]:
    """Writes a package `faux-up` 1.0 of one module, and gives what makes some patches the registry's only ones."""
    before = dict(registry._applied)

    def register(*members: Patch) -> None:
        monkeypatch.setattr(registry, "PATCHES", {patch.name: patch for patch in members})
        monkeypatch.setattr(registry, "SETS", {"all-of-them": tuple(patch.name for patch in members)})

    def write(module: str, source: str) -> Callable[..., None]:
        (tmp_path / "faux_up").mkdir()
        (tmp_path / "faux_up" / f"{module}.py").write_text(source)
        (tmp_path / "faux_up-1.0.dist-info").mkdir()
        metadata = "Metadata-Version: 2.1\nName: faux-up\nVersion: 1.0\n"
        (tmp_path / "faux_up-1.0.dist-info" / "METADATA").write_text(metadata)
        monkeypatch.syspath_prepend(str(tmp_path))
        return register

    yield write
    for name in [name for name in reversed(registry._applied) if name not in before]:
        registry._remove(registry._applied[name])
    registry._failed.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "faux_up"]:
        del sys.modules[name]
