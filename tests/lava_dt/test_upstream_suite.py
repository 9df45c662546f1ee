"""lava-dl's own tests of its cuba neuron and blocks, run with ours in their place at dt = 1."""

import importlib.util
import subprocess
import sys

import pytest

RUN = """
import sys, unittest, importlib
import lava_dt
from lava.lib.dl import slayer
import lava.lib.dl.slayer.neuron, lava.lib.dl.slayer.block
import lava_dt.neuron, lava_dt.block.cuba
upstream_neuron, upstream_block = slayer.neuron.cuba, slayer.block.cuba
sys.modules["lava.lib.dl.slayer.neuron.cuba"] = slayer.neuron.cuba = lava_dt.neuron
sys.modules["lava.lib.dl.slayer.block.cuba"] = slayer.block.cuba = lava_dt.block.cuba
name = sys.argv.pop()
module = importlib.import_module(name)
result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromModule(module))
used = lava_dt.neuron.Neuron if "neuron" in name else lava_dt.block.cuba.Dense
assert (module.cuba.Neuron if "neuron" in name else module.slayer.block.cuba.Dense) is used
assert result.testsRun >= 4 and not result.skipped
sys.exit(not result.wasSuccessful())
"""


@pytest.mark.parametrize("name", ["neuron.test_cuba", "block.test_cuba"])
def test_lava_dls_own_tests_pass_with_our_modules_in_place_of_theirs(name, tmp_path):
    module = f"tests.lava.lib.dl.slayer.{name}"
    spec = importlib.util.find_spec("lava")
    if spec is None or not any(
        (_wheel_root(p) / "tests/lava/lib/dl/slayer").is_dir() for p in spec.submodule_search_locations
    ):
        pytest.skip("the installed lava-dl carries no tests")
    done = subprocess.run(
        [sys.executable, "-c", RUN, module], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def _wheel_root(path):
    from pathlib import Path

    return Path(path).parent
