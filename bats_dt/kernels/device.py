"""How the CUDA kernels run: compiled by NVRTC through CuPy when first needed, started on the caller's stream.

NVRTC needs no nvcc and no C++ compiler on the user's machine; CuPy keeps what it compiled on disk. Products and sums
are not contracted into one rounding (``--fmad=false``), so that a kernel has the bits of the Numba kernel beside it,
but for float32 numbers below 1.2e-38: CuPy compiles everything with ``-ftz=true``, which takes them for zero.

The sources run in the test suite without a GPU, too: there g++ compiles them, and `launch` is replaced by loops over
the grid (``tests/conftest.py``).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

THREADS = 64  # in a block: few, so that a small layer is spread over all multiprocessors
OPTIONS = ("--std=c++17", "--fmad=false")
LARGEST_GRID = 2**31 - 1  # blocks along x; kernels stride over what lies beyond


def start(source: Path, kernel: str, items: int, dtype: Any, *arguments: Any) -> None:
    """:func:`launch` on CuPy's current device and stream, with ``REAL`` defined as the C type of ``dtype``."""
    real = {np.float32: "float", np.float64: "double"}[np.dtype(dtype).type]
    device, stream = current()
    launch(source, kernel, items, arguments, device, stream, (f"REAL={real}",))


def launch(
    source: Path,
    kernel: str,
    items: int,
    arguments: Sequence[Any],
    device: int,
    stream: int,
    defines: tuple[str, ...] = (),
) -> None:
    """Start a kernel with a thread an item, rounded up to whole blocks; does not wait for it.

    Args:
        source: the ``.cu`` file.
        kernel: the name of an ``extern "C" __global__`` function in it.
        items: number of threads the kernel needs; 0 starts nothing.
        arguments: one a parameter, of exactly its type: NumPy scalars; C-contiguous arrays on the device, of any
            library with ``__cuda_array_interface__``, and torch's tensors, not copied; None for a null pointer.
        device: index of the GPU.
        stream: address of the CUDA stream, 0 for the default one. Arrays must stay allocated until it has run; those
            of a library that allocates in the order of this stream do.
        defines: macros the source is compiled with, ``NAME=value``; it says what it takes.

    Raises:
        RuntimeError: CuPy is not installed, or sees no GPU.
        TypeError: an argument that is neither of the above.
        ValueError: an array that is not contiguous.
    """
    if items == 0:
        return
    values = tuple(_value(kernel, place, argument) for place, argument in enumerate(arguments))
    cupy = _cupy()
    blocks = min(-(-items // THREADS), LARGEST_GRID)
    with cupy.cuda.Device(device), _stream(cupy, stream, device):
        _function(source, kernel, device, defines)((blocks,), (THREADS,), values)


def array_module() -> Any:
    """CuPy. Raises RuntimeError in words if it is not installed or sees no GPU."""
    return _cupy()


def available() -> bool:
    """Whether the CUDA kernels can run: CuPy is installed and sees a GPU."""
    try:
        array_module()
    except RuntimeError:
        return False
    return True


def current() -> tuple[int, int]:
    """Index of CuPy's current GPU and address of its current stream there."""
    cupy = _cupy()
    return cupy.cuda.Device().id, cupy.cuda.get_current_stream().ptr


def _value(kernel: str, place: int, argument: Any) -> np.generic:
    if argument is None:
        return np.uint64(0)
    if isinstance(argument, np.generic):
        return argument
    if getattr(argument, "is_cuda", False):  # torch writes a tensor's interface in Python, several microseconds each
        if not argument.is_contiguous():
            raise _gaps(kernel, place, tuple(argument.shape), argument.stride())
        return np.uint64(argument.data_ptr())
    interface = getattr(argument, "__cuda_array_interface__", None)
    if interface is None:
        raise TypeError(
            f"argument {place} of {kernel} is a {type(argument).__name__}: pass an array on a GPU, a NumPy scalar of "
            "the parameter's type, or None"
        )
    if interface.get("strides") is not None:
        raise _gaps(kernel, place, interface["shape"], interface["strides"])
    return np.uint64(interface["data"][0])


def _gaps(kernel: str, place: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> ValueError:
    return ValueError(
        f"argument {place} of {kernel} has shape {shape} and strides {strides}: it must be contiguous; pass a "
        "contiguous copy"
    )


@cache
def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            'the GPU kernels need CuPy, which is not installed: pip install "lava-dt[cuda12]" or "lava-dt[cuda13]", '
            "the CUDA version that your driver supports (nvidia-smi shows it), or compute on the CPU"
        ) from error
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        found, reason = 0, f" ({error})"
    else:
        reason = ""
    if not found:
        raise RuntimeError(
            f"the GPU kernels need a CUDA device, and CuPy sees none{reason}: check the driver with nvidia-smi, and "
            "that the installed CuPy is for its CUDA version, or compute on the CPU"
        )
    if not hasattr(cupy.cuda.Stream, "from_external"):  # CuPy before 14
        _load_nvrtc(cupy.cuda.runtime.runtimeGetVersion() // 1000)
    return cupy


def _load_nvrtc(version: int) -> None:
    """Loads NVRTC from NVIDIA's wheel, where CuPy before 14 does not look; without the wheel it takes the system's."""
    for folder in sys.path:
        for path in Path(folder).glob(f"nvidia/*/lib/libnvrtc.so.{version}"):
            ctypes.CDLL(str(path))
            return


def _stream(cupy: Any, stream: int, device: int) -> Any:
    if hasattr(cupy.cuda.Stream, "from_external"):
        return cupy.cuda.Stream.from_external(_External(stream))
    return cupy.cuda.ExternalStream(stream, device)  # CuPy before 14


class _External:
    """A stream of another library, by the protocol that CuPy 14 asks for."""

    def __init__(self, stream: int) -> None:
        self._stream = stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._stream


@cache
def _function(source: Path, kernel: str, device: int, defines: tuple[str, ...]) -> Any:
    return _module(source, device, defines).get_function(kernel)


@cache
def _module(source: Path, device: int, defines: tuple[str, ...]) -> Any:
    options = (*OPTIONS, *(f"-D{define}" for define in defines))
    return _cupy().RawModule(code=source.read_text(encoding="utf-8"), options=options)
