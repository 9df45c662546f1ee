"""What the driver may import, and when."""

import subprocess
import sys

import pytest

_HEAVY = "torch", "lava", "lava_dt", "numba", "matplotlib"
_LOADED = f"import sys; print(*[name for name in {_HEAVY!r} if name in sys.modules])"
_ABSENT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "lava"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def loaded_after(code):
    done = subprocess.run([sys.executable, "-c", f"{code}; {_LOADED}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("code", ["import runs", "import runs.cli", "import runs.training"])
def test_the_command_line_starts_without_torch_lava_or_kernels(code):
    assert loaded_after(code) == []


def test_help_imports_nothing_heavy():
    code = "import runs.cli, contextlib\nwith contextlib.suppress(SystemExit): runs.cli.main(['--help'])"
    assert not set(loaded_after(f"{code}\nimport sys")[-3:]) & set(_HEAVY)


def test_this_test_sees_a_heavy_import():
    assert "numba" in loaded_after("import numba")


def test_bats_trains_where_neither_torch_nor_lava_is_installed(tmp_path):
    words = ["train", "bats", "--epochs", "1", "--train-samples", "8", "--test-samples", "4", "--hidden", "8"]
    code = f"{_ABSENT}\nfrom runs.cli import main\nmain({[*words, '--out', str(tmp_path / 'run')]!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "done: test accuracy" in done.stdout


def test_slayer_says_what_is_missing_where_torch_is_not_installed(tmp_path):
    words = ["train", "slayer", "--epochs", "1", "--out", str(tmp_path / "run")]
    code = f"{_ABSENT}\nfrom runs.cli import main\nmain({words!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "SLAYER needs torch, lava-nc and lava-dl" in done.stderr and "lava-dt doctor" in done.stderr
    assert done.stderr.count("\n") == 1
