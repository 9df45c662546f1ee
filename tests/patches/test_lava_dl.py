"""Each defect of lava-dl: there without its patch, gone with it, back after the revert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patches

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")

Needed = Callable[[str], None]
DETECTION = "lava.lib.dl.slayer.object_detection"


def write_input_block(path: Path, shape: tuple[int, ...] = (1,)) -> Path:
    """A network file of one input block whose weight and bias have the given shape."""
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer/0")
        layer["type"] = np.bytes_("input")
        layer["shape"] = np.array([1, 4, 5])
        layer["weight"] = np.full(shape, 36)
        layer["bias"] = np.full(shape, 34)
        layer["neuron/type"] = np.bytes_("CUBA")
        for name, value in {"vThMant": 80, "iDecay": 1024, "vDecay": 128, "refDelay": 1}.items():
            layer[f"neuron/{name}"] = value
    return path


def test_slayer_imports_without_torchvision_and_opencv(run_python: Callable[[str], str]) -> None:
    run_python(
        "import importlib.util, sys, patches\n"
        "patches.apply('lava-nc-byte-encoder')\n"
        "sys.modules['torchvision'] = sys.modules['cv2'] = None  # as if not installed\n"
        "def fails():\n"
        "    try:\n"
        "        import lava.lib.dl.slayer\n"
        "    except ModuleNotFoundError as error:\n"
        "        return error.name in ('torchvision', 'cv2')\n"
        "assert fails()\n"
        "patches.apply('lava-dl-vision-stand-ins')\n"
        "from lava.lib.dl import slayer\n"
        "from lava.lib.dl.netx import hdf5\n"
        "drawing, bdd = slayer.obd.bbox.utils, slayer.obd.dataset.bdd100k\n"
        "assert importlib.util.find_spec('torchvision') is None and sys.modules['torchvision'] is None\n"
        "try:\n"
        "    bdd.transforms.Grayscale(num_output_channels=3)\n"
        "except ModuleNotFoundError as error:\n"
        "    said = str(error)\n"
        "assert said == ('torchvision.transforms.Grayscale was asked for, but torchvision is not installed and '\n"
        "    'lava-dl\\'s object detection needs it: pip install torchvision, and start Python again'), said\n"
        "try:\n"
        "    drawing.cv2.VideoWriter\n"
        "except ModuleNotFoundError as error:\n"
        "    assert 'pip install opencv-python-headless' in str(error)\n"
        "stand_ins = drawing.cv2, drawing.ops, bdd.transforms\n"
        "patches.revert('lava-dl-vision-stand-ins')\n"
        "assert not hasattr(drawing, 'cv2') and not hasattr(bdd, 'transforms')\n"
        "patches.apply('lava-dl-vision-stand-ins')\n"
        "assert stand_ins == (drawing.cv2, drawing.ops, bdd.transforms)\n"
        "patches.revert('lava-dl-vision-stand-ins')\n"
        "for name in [name for name in sys.modules if name.startswith('lava.lib.dl.slayer')]:\n"
        "    del sys.modules[name]\n"
        "assert fails()\n"
    )


def test_an_import_inside_the_patched_modules_still_finds_what_is_there(run_python: Callable[[str], str]) -> None:
    run_python(
        "import sys, types, patches\n"
        "patches.apply('lava-nc-byte-encoder')\n"
        "vision = sys.modules['torchvision'] = types.ModuleType('torchvision')\n"
        "vision.ops, vision.transforms = object(), object()\n"
        "sys.modules['cv2'] = None\n"
        "patches.apply('lava-dl-vision-stand-ins')\n"
        "from lava.lib.dl import slayer\n"
        "assert slayer.obd.bbox.utils.ops is vision.ops\n"
        "assert type(slayer.obd.bbox.utils.cv2).__name__ == 'StandIn'\n"
    )


def test_input_blocks_with_array_weights_load(needed: Needed, tmp_path: Path) -> None:
    needed("netx-input-scalars")
    from lava.lib.dl.netx import hdf5

    upstream = hdf5.Network.__dict__["create_input"]
    path = write_input_block(tmp_path / "input.net")
    with pytest.raises(TypeError, match="0-dimensional"):
        hdf5.Network(net_config=str(path))
    patches.apply("netx-input-scalars")
    for shape in ((1,), (), (1, 1)):
        path = write_input_block(tmp_path / f"input{len(shape)}.net", shape)
        block = hdf5.Network(net_config=str(path)).in_layer
        assert (block.transform, block.shape) == ({"weight": 36, "bias": 34}, (5, 4, 1))
    with pytest.raises(TypeError, match="0-dimensional"):
        hdf5.Network(net_config=str(write_input_block(tmp_path / "two.net", (2,))))
    patches.revert("netx-input-scalars")
    assert hdf5.Network.__dict__["create_input"] is upstream


def test_a_network_file_can_be_written_again_after_it_was_read(needed: Needed, tmp_path: Path) -> None:
    needed("netx-close-files")
    from lava.lib.dl.netx.utils import NetDict

    upstream = NetDict.__init__
    open_file = NetDict(str(write_input_block(tmp_path / "open.net")))
    with pytest.raises(OSError, match="already open"):
        write_input_block(tmp_path / "open.net")
    assert len(open_file) == 1

    patches.apply("netx-close-files")
    path = write_input_block(tmp_path / "closed.net")
    for name in (str(path), path):
        config = NetDict(name)
        write_input_block(path, shape=(1, 1))
        assert config["layer"][0]["type"] == "input"
    assert NetDict(str(path))["layer"][0]["weight"].shape == (1, 1)
    with h5py.File(path) as file:
        assert NetDict(f=file["layer"])[0]["bias"].item() == 34
    with pytest.raises(FileNotFoundError):
        NetDict(str(tmp_path / "nowhere.net"))
    with h5py.File(tmp_path / "writing.net", "w") as file:
        layer = file.create_group("layer/0")
        layer["shape"] = np.array([7])
        assert NetDict(str(tmp_path / "writing.net"))["layer"][0]["shape"] == [7]
        layer["bias"] = 1  # the writer goes on as before
    patches.revert("netx-close-files")
    assert NetDict.__init__ is upstream


def test_average_precision_has_its_integral(needed: Needed) -> None:
    needed("lava-dl-trapz")
    from lava.lib.dl.slayer.object_detection.boundingbox import metrics

    def area() -> Any:
        return metrics.compute_ap(precision=np.ones(2), recall=np.ones(2))

    with pytest.raises(AttributeError, match="trapz"):
        area()
    patches.apply("lava-dl-trapz")
    assert area() == pytest.approx(1, abs=0.01)
    assert not hasattr(np, "trapz")
    patches.revert("lava-dl-trapz")
    assert metrics.np is np
