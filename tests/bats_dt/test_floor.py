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


def test_training_leaves_the_way_in_which_processes_start_open():
    # Lava's runtime sets it to fork, which fails once anything has asked multiprocessing for its default.
    done = run(
        """
import multiprocessing, os, sys
os.environ["NUMBA_NUM_THREADS"] = "2"
import numpy as np
from bats_dt import Network
from bats_dt.layers import InputLayer, LIFLayer
network = Network()
network.add_layer(InputLayer(2), input=True)
network.add_layer(LIFLayer(network.layers[0], 0.1, 0.01, 0.01, lambda *shape: np.ones(shape), n_neurons=3))
network.forward(np.full((8, 2, 1), 0.1, np.float32), np.ones((8, 2), np.int32))
times, counts = network.output_spike_trains
network.backward(np.ones_like(times))
sys.exit(0 if counts.all() and multiprocessing.get_start_method(allow_none=True) is None else 1)
"""
    )
    assert done.returncode == 0, done.stderr


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
