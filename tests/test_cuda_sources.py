"""Every CUDA source: NVRTC compiles it, without a GPU; and what stands in for a GPU refuses what one would misread."""

import ctypes
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from bats_dt.kernels import device

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("bats_dt", "lava_dt") for path in (ROOT / package).rglob("*.cu"))
FROM_CUPY = ("-ftz=true", "--device-as-default-execution-space")  # what CuPy adds to the options it is given
# A source that computes in REAL is compiled for each of the types it may stand for.
VARIANTS = [
    (path, *define)
    for path in SOURCES
    for define in ([["REAL=float"], ["REAL=double"]] if "REAL" in path.read_text(encoding="utf-8") else [[]])
]


@pytest.fixture(scope="session")
def nvrtc():
    """libnvrtc as the wheels of NVIDIA and torch install it, or the system's."""
    found = (path for folder in map(Path, sys.path) for path in (folder / "nvidia").glob("*/lib/libnvrtc.so.*"))
    for name in (*map(str, found), "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    pytest.skip("libnvrtc is not installed: the CUDA sources cannot be compiled")


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: " ".join([str(variant[0].name), *variant[1:]]))
def test_nvrtc_compiles_every_source_for_a_device(nvrtc, variant, architecture):
    source, *defines = variant
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None)
    given = (f"--gpu-architecture={architecture}", *device.OPTIONS, *(f"-D{define}" for define in defines), *FROM_CUPY)
    options = [option.encode() for option in given]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert not failed and not log.value, log.value.decode()
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    assert size.value > 0


@pytest.mark.parametrize(("extra", "suffix"), [("cuda12", "-cu12"), ("cuda13", "")])
def test_an_extra_brings_nvrtc_and_the_headers_that_cupy_compiles_with(extra, suffix):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split("[<>=]", needed)[0] for needed in project["optional-dependencies"][extra]}
    assert {f"nvidia-cuda-nvrtc{suffix}", f"nvidia-cuda-runtime{suffix}"} < names


KERNEL = """
extern "C" __global__ void add(const float* __restrict__ x, float* __restrict__ y, long long n, float summand)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (y && i < n) y[i] = x[i] + summand;
}
"""


@pytest.fixture(scope="module")
def add(compiled, tmp_path_factory):
    source = tmp_path_factory.mktemp("sources") / "add.cu"
    source.write_text(KERNEL)
    return compiled(source)["add"]


def test_the_stand_in_runs_every_thread_of_the_grid(add):
    x, y = np.arange(7, dtype=np.float32), np.zeros(7, np.float32)
    add(2, 3, [x, y, np.int64(7), np.float32(0.5)])
    assert y.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 0]  # the seventh has no thread
    add(2, 3, [x, None, np.int64(7), np.float32(0.5)])


def test_in_the_stand_in_a_function_of_a_float_is_a_float_as_on_a_device(compiled, tmp_path):
    source = tmp_path / "root.cu"
    source.write_text('extern "C" __global__ void root(float x, double* y) { y[0] = sqrt(x); }')
    y = np.zeros(1)
    compiled(source)["root"](1, 1, [np.float32(2), y])
    assert y[0] == np.sqrt(np.float32(2))


@pytest.mark.parametrize(
    ("place", "argument", "says"),
    [
        (0, np.zeros(7), r"argument 0 of add is \*float64, its parameter \*float32"),
        (0, np.zeros((7, 2), np.float32)[:, 0], "argument 0 of add is not contiguous"),
        (0, np.float32(1), r"argument 0 of add is float32, its parameter \*float32"),
        (2, np.int32(7), "argument 2 of add is int32, its parameter int64"),
        (3, np.float64(7), "argument 3 of add is float64, its parameter float32"),
        (3, None, "argument 3 of add is .*, its parameter float32"),
    ],
)
def test_the_stand_in_refuses_what_a_device_would_misread(add, place, argument, says):
    arguments = [np.zeros(7, np.float32), np.zeros(7, np.float32), np.int64(7), np.float32(1)]
    arguments[place] = argument
    with pytest.raises(TypeError, match=says):
        add(1, 7, arguments)


def test_the_stand_in_counts_the_arguments(add):
    with pytest.raises(TypeError, match="add has 4 parameters but got 1 arguments"):
        add(1, 1, [np.int64(7)])
