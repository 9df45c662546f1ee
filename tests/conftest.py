"""CUDA kernels in the tests: on a GPU where there is one, and without it on the CPU.

There g++ compiles their source, and the processor runs the threads of the grid one by one.
"""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

HEADER = Path(__file__).parent / "cuda_on_cpu" / "cuda_on_cpu.h"
# As the device does it: no contraction of products and sums, integers that wrap
OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off", "-fwrapv", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """compiled(path of a .cu file, *defines) -> {name: kernel}, with kernel(blocks, threads, arguments) as on a device.

    Arguments are contiguous NumPy arrays or CPU tensors of the parameter's element type, NumPy scalars of its type, or
    None for a null pointer. What would be read as something else on a device is a TypeError here.
    """
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the CUDA sources cannot be run on the CPU")
    libraries = {}

    def load(path, *defines):
        path = Path(path)
        if (path, defines) not in libraries:
            names = re.findall(r'extern "C" __global__ void (\w+)\(', path.read_text(encoding="utf-8"))
            lines = [f'#include "{HEADER}"', f'#include "{path}"', *(f"LAUNCHABLE({name})" for name in names)]
            shared = tmp_path_factory.mktemp("cuda_on_cpu") / f"{path.stem}.so"
            macros = [f"-D{define}" for define in defines]
            command = ["g++", *OPTIONS, *macros, "-shared", "-fPIC", "-x", "c++", "-", "-o", str(shared)]
            subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True)
            library = ctypes.CDLL(str(shared))
            libraries[path, defines] = {name: _kernel(library, name) for name in names}
        return libraries[path, defines]

    return load


def _kernel(library, name):
    types_of, run_grid = library[f"types_{name}"], library[f"run_{name}"]
    types_of.restype, run_grid.restype = ctypes.c_char_p, None
    types = types_of().decode().split()

    def run(blocks, threads, arguments):
        if len(arguments) != len(types):
            raise TypeError(f"{name} has {len(types)} parameters but got {len(arguments)} arguments")
        held = [_value(name, *given) for given in zip(range(len(types)), types, arguments, strict=True)]
        addresses = (ctypes.c_void_p * len(held))(*(value.ctypes.data for value in held))
        run_grid(ctypes.c_uint(blocks), ctypes.c_uint(threads), addresses)

    return run


def _value(name, place, wanted, argument):
    """What the kernel reads for an argument, as an array of one value: the number, or the address."""
    if wanted.startswith("*") and argument is None:
        return np.zeros(1, np.uint64)
    came = argument if isinstance(argument, np.generic) else np.asarray(argument)
    kind = came.dtype.name if isinstance(argument, np.generic) else f"*{came.dtype.name}"
    if kind != wanted:
        raise TypeError(f"argument {place} of {name} is {kind}, its parameter {wanted}")
    if isinstance(argument, np.generic):
        return np.array([argument])
    if not came.flags.c_contiguous:
        raise TypeError(f"argument {place} of {name} is not contiguous")
    return np.array([came.ctypes.data], np.uint64)


@pytest.fixture
def cuda_on_cpu(compiled, monkeypatch):
    """Lets the functions that start CUDA kernels run them on the CPU, on NumPy arrays or CPU tensors."""
    from bats_dt.kernels import device

    def launch(source, kernel, items, arguments, device, stream, defines=()):
        assert (device, stream) == (0, 0)
        if items:
            compiled(source, *defines)[kernel](-(-items // threads), threads, arguments)

    threads = device.THREADS
    monkeypatch.setattr(device, "launch", launch)
    if "torch" in sys.modules:  # tests of torch's tensors have imported it; those of bats_dt need not wait for it
        monkeypatch.setattr("torch.cuda.current_stream", lambda device: SimpleNamespace(cuda_stream=0))


@pytest.fixture
def gpu():
    """Skips, with the reason, where CuPy has no GPU to run a kernel on."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.is_available():
        pytest.skip("CuPy sees no CUDA device")


@pytest.fixture
def torch_gpu(gpu):
    """The device of torch's tensors on a GPU that CuPy can use too."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    return torch.device("cuda:0")
