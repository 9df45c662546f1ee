"""bats_dt is the ground floor: it must import, and train, where nothing of the other floors is installed."""

import subprocess
import sys

FORBIDDEN = ["torch", "lava", "lava_dt", "patches", "runs", "h5py", "matplotlib"]

BLOCK = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden!r}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
"""

IMPORT_EVERYTHING = """
import pkgutil, importlib, bats_dt
for module in pkgutil.walk_packages(bats_dt.__path__, "bats_dt."):
    importlib.import_module(module.name)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_every_module_imports_without_the_other_floors():
    done = run(BLOCK.format(forbidden=FORBIDDEN) + IMPORT_EVERYTHING)
    assert done.returncode == 0, done.stderr


def test_the_block_does_block():
    for name in ("torch", "runs", "lava.lib.dl"):
        done = run(BLOCK.format(forbidden=FORBIDDEN) + f"import {name}")
        assert done.returncode != 0
        assert f"blocked: {name.partition('.')[0]}" in done.stderr


def test_importing_compiles_nothing_and_starts_no_thread():
    done = run(
        "from numba.core import event\n"
        "compiled = []\n"
        "class Note(event.Listener):\n"
        "    def on_start(self, noted): compiled.append(noted)\n"
        "    def on_end(self, noted): pass\n"
        "event.register('numba:compile', Note())\n" + IMPORT_EVERYTHING + "import threading, sys\n"
        "sys.exit(len(compiled) + threading.active_count() - 1)"
    )
    assert done.returncode == 0, done.stderr
