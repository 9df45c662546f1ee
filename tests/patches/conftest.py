"""Fixtures of the patch tests: a stack as it was before, and child interpreters for what happens at import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import patches

ROOT = Path(patches.__file__).parents[1]
# A Lava network that fails in a child process hangs rather than ends; no child may outlive its test.
CHILD_SECONDS = 240


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Puts every patch back into the state that it had before the test."""
    before = {row.name: row.state for row in patches.status()}
    yield
    for row in patches.status():
        if row.state is patches.State.APPLIED and before[row.name] is not patches.State.APPLIED:
            patches.revert(row.name)
        if row.state is not patches.State.APPLIED and before[row.name] is patches.State.APPLIED:
            patches.apply(row.name)


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
