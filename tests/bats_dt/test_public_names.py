"""What users import: the names of this project, and those of BATS where BATS has them."""

import importlib
import subprocess
import sys

import pytest

import bats_dt
from bats_dt import layers, losses, monitors, network, optimizers

LAYERS = {"InputLayer", "LIFLayer", "ConvInputLayer", "ConvLIFLayer"}
LOSSES = {"SpikeCountLoss", "SpikeCountClassLoss", "SpikeTimeLoss", "TTFSSoftmaxCrossEntropy"}
OPTIMIZERS = {"GradientDescentOptimizer", "AdamOptimizer", "NAdamOptimizer"}
MONITORS = {
    "AccuracyMonitor", "LossMonitor", "SilentLabelsMonitor", "SilentNeuronsMonitor", "SpikeCountMonitor",
    "WeightsNormMonitor", "ValueMonitor", "TimeMonitor", "MonitorsManager",
}  # fmt: skip
ABSTRACT = {"AbstractLayer", "AbstractConvLayer", "AbstractLoss", "AbstractMonitor", "AbstractOptimizer"}
OURS = {"TimeGrid", "SilentLabelRemedy", "get_backend", "set_backend"}
# Each module of BATS that scripts import from, where its names are here, and what they are.
OF_BATS = {
    "Layers": (layers, LAYERS),
    "Layers.LIFLayer": (layers, {"LIFLayer"}),
    "Layers.PoolingLayer": (layers, {"PoolingLayer"}),
    "Losses": (losses, LOSSES),
    "Optimizers": (optimizers, OPTIMIZERS),
    "Monitors": (monitors, MONITORS),
    "Network": (network, {"Network"}),
}


def test_the_public_names_are_those_of_bats_and_ours():
    assert set(bats_dt.__all__) == ABSTRACT | LOSSES | OURS | {"Network", "Layers", "Losses", "Monitors", "Optimizers"}
    for name in bats_dt.__all__:
        assert hasattr(bats_dt, name)
    assert bats_dt.Network is network.Network


@pytest.mark.parametrize("module", OF_BATS)
def test_a_module_of_bats_holds_the_classes_of_ours(module):
    source, names = OF_BATS[module]
    found = importlib.import_module(f"bats_dt.{module}")
    assert names <= set(found.__all__)
    for name in found.__all__:
        assert getattr(found, name) is getattr(source, name)


@pytest.mark.parametrize("package", [layers, losses, monitors, optimizers], ids=lambda package: package.__name__)
def test_the_packages_hold_the_names_they_list(package):
    for name in package.__all__:
        assert hasattr(package, name)


@pytest.mark.parametrize(
    "code",
    [
        "from bats_dt.Layers import LIFLayer as first\nfrom bats_dt.layers import LIFLayer as second",
        "from bats_dt.Layers.PoolingLayer import PoolingLayer as first\n"
        "from bats_dt.layers.pooling import PoolingLayer as second",
        "from bats_dt.Network import Network as first\nfrom bats_dt import Network as second",
        "import bats_dt.Optimizers\nfirst = bats_dt.Optimizers.AdamOptimizer\n"
        "import bats_dt.optimizers.adam as adam\nsecond = adam.AdamOptimizer",
        "from bats_dt.Losses import *\nfirst = SpikeTimeLoss\nfrom bats_dt import SpikeTimeLoss as second",
    ],
)
def test_each_way_of_importing_works_in_a_fresh_process_and_finds_the_same_class(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\nassert first is second"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_of_ours_cannot_be_loaded_twice_under_a_name_of_bats():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'bats_dt\.Layers\.lif'"):
        importlib.import_module("bats_dt.Layers.lif")
