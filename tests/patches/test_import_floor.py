"""patches stands on upstream, NumPy and the standard library, and its import does nothing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import patches

ALLOWED = {"patches", "lava", "torch", "numpy", "h5py"}
PACKAGE = Path(patches.__file__).parent


def foreign_imports(folder: Path) -> set[str]:
    """The top-level names imported anywhere below a folder that are neither allowed nor standard."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add("." * node.level + (node.module or "").partition(".")[0])
    return names - ALLOWED - set(sys.stdlib_module_names)


def test_patches_imports_upstream_and_the_standard_library_only() -> None:
    assert foreign_imports(PACKAGE) == set()


def test_the_floor_test_sees_a_forbidden_import(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def f():\n    from bats_dt.grid import TimeGrid\n    import lava_dt, os\n")
    assert foreign_imports(tmp_path) == {"bats_dt", "lava_dt"}


def test_importing_patches_imports_no_upstream_and_changes_nothing(run_python: Callable[[str], str]) -> None:
    run_python(
        "import sys; finders = list(sys.meta_path)\n"
        "import patches\n"
        "assert not {'torch', 'lava', 'numpy', 'h5py'} & set(sys.modules)\n"
        "assert sys.meta_path == finders\n"
        "assert all(row.state != 'applied' for row in patches.status())\n"
        "assert not {'torch', 'lava', 'h5py'} & set(sys.modules)\n"
    )


def test_applying_the_set_imports_neither_torch_nor_lava(run_python: Callable[[str], str]) -> None:
    run_python(
        "import sys, patches\n"
        "rows = patches.apply('modern-python')\n"
        "assert {row.state for row in rows} <= {'applied', 'not needed'}, rows\n"
        "assert not {'torch', 'lava', 'h5py'} & set(sys.modules)\n"
    )
