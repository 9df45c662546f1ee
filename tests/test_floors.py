"""Who may import whom: the floors of the tree."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"bats_dt", "patches", "lava_dt", "runs"}
UPSTREAM = {"lava", "torch", "h5py"}
BASE = {"numpy", "scipy", "numba", "llvmlite"}
ALLOWED = {
    "bats_dt": BASE | {"bats_dt", "cupy", "safetensors"},
    "patches": UPSTREAM | {"patches", "numpy"},
    # What it puts into upstream is the ground floor's grid and kernel, imported when the patch is applied
    "patches/bats": {"patches", "bats_dt", "cupy"},
    "lava_dt": BASE | UPSTREAM | {"lava_dt", "bats_dt", "patches", "nir"},
}


def imported_names(folder: Path, but: Iterable[Path] = ()) -> set[str]:
    """Top-level names imported anywhere below a folder except ``but`` some, without the standard library's."""
    names = set()
    for path in folder.rglob("*.py"):
        if not set(but).isdisjoint(path.parents):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add("." * node.level + (node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_floor_imports_only_what_lies_below_it(package):
    folder = ROOT / package
    if not folder.is_dir():
        pytest.skip("the packages are not beside the tests")
    with_a_floor_of_their_own = {ROOT / other for other in ALLOWED} - {folder}
    assert imported_names(folder, with_a_floor_of_their_own) - ALLOWED[package] == set()


def test_the_floor_test_sees_a_forbidden_import(tmp_path):
    (tmp_path / "bad.py").write_text("def f():\n    from lava_dt.timestep import Timestep\n    import os, runs.cli\n")
    assert imported_names(tmp_path) == {"lava_dt", "runs"}
    assert imported_names(tmp_path, [tmp_path]) == set()


@pytest.mark.parametrize("package, absent", [("bats_dt", UPSTREAM | OURS - {"bats_dt"}), ("patches", UPSTREAM | BASE)])
def test_a_lower_floor_runs_where_the_upper_ones_are_not_installed(package, absent):
    code = f"import {package}, sys; print(*{absent!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
