"""What a run was made with: versions, machine, source."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("lava-dt", "numpy", "scipy", "numba", "torch", "lava-nc", "lava-dl", "cupy-cuda12x", "cupy-cuda13x")


def installed_versions() -> dict[str, str | None]:
    """Versions of the packages that matter, without importing any; None for those that are not installed."""
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def describe_environment() -> dict[str, Any]:
    """Versions, machine, git state, and the patches this process has applied, as plain values for environment.json."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: version for name, version in installed_versions().items() if version is not None},
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "patches": _applied_patches(),
        "git": _git_state(),
    }


def _applied_patches() -> list[str]:
    patches = sys.modules.get("patches")
    if patches is None:
        return []
    applied = [entry for entry in patches.status() if entry.state.value == "applied"]
    return [" ".join([entry.name, *(f"{k}={v!r}" for k, v in entry.options.items())]) for entry in applied]


def _git_state() -> dict[str, Any] | None:
    """Commit of the checkout that this package runs from; None where it is installed, or git is not there."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": changed}


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()
