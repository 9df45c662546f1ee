"""The import of patches does nothing; what it may import is in tests/test_floors.py."""

from __future__ import annotations

from collections.abc import Callable


def test_importing_patches_imports_no_upstream_and_changes_nothing(run_python: Callable[[str], str]) -> None:
    run_python(
        "import sys; finders = list(sys.meta_path)\n"
        "import patches\n"
        "assert not {'torch', 'lava', 'numpy', 'h5py'} & set(sys.modules)\n"
        "assert sys.meta_path == finders\n"
        "assert all(row.state != 'applied' for row in patches.status())\n"
        "assert not {'torch', 'lava', 'h5py'} & set(sys.modules)\n"
    )


def test_applying_patches_imports_neither_torch_nor_lava(run_python: Callable[[str], str]) -> None:
    run_python(
        "import sys, patches\n"
        "rows = patches.apply('modern-python') + patches.apply('lava-dl-fixes') + patches.apply('lava-dl-timestep')\n"
        "rows += patches.apply('published-protocol', dt=2)\n"
        "assert {row.name for row in rows} | {'bats-timestep'} == {row.name for row in patches.status()}\n"
        "assert {row.state for row in rows} <= {'applied', 'not needed'}, rows\n"
        "assert not {'torch', 'lava', 'h5py'} & set(sys.modules)\n"
    )
