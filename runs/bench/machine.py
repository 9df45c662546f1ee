"""The machine a benchmark runs on: its threads, its load, its devices, and what is installed."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from runs.bench.options import cores
from runs.environment import describe_environment

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_BUSY = 0.25  # load per core from which a warning is given


def set_threads(threads: int, with_torch: bool = True) -> list[str]:
    """Gives torch, NumPy's BLAS and the Numba kernels the same number of threads, and lets OpenMP's wait passively.

    Spinning OpenMP threads take CPU time from whoever comes next, and are counted as CPU time of nothing. The
    variables are read when the libraries are loaded, also by child processes, so this comes before torch.

    Args:
        with_torch: whether torch takes part; where it does not, it need not be installed.

    Returns:
        Sentences about what came too late.
    """
    late = [name for name in ("torch", "numba") if name in sys.modules]
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    if with_torch:
        import torch

        torch.set_num_threads(threads)
    from numba import config

    config.NUMBA_NUM_THREADS = threads
    if not late:
        return []
    return [f"{' and '.join(late)} had been imported before the threads were set: OMP_WAIT_POLICY may have no effect"]


def load() -> float | None:
    """Processes that want to run, averaged over the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_sentence() -> str | None:
    """A warning where other work is running."""
    now = load()
    if now is None or now < _BUSY * cores():
        return None
    return (
        f"the machine is busy: load {now:.1f} on {cores()} cores. Ratios are of rounds side by side and still mean "
        "something; wall seconds are too long"
    )


def describe_machine(threads: int | list[int], gpu: str | None) -> dict[str, Any]:
    """Everything that a figure depends on, as plain values; `gpu` is the name of the one that is used."""
    return {**describe_environment(), "processor": _processor(), "cores": cores(), "threads": threads, "gpu": gpu}


def torch_gpu() -> str | None:
    """The name of the GPU that torch uses, None where it sees none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def bats_gpu() -> str | None:
    """The name of the GPU that bats_dt's kernels use, None where CuPy is not there or sees none."""
    from bats_dt import get_backend, set_backend

    before = get_backend()
    try:
        set_backend("cuda")
    except (RuntimeError, ImportError):
        return None
    finally:
        set_backend(before)
    import cupy

    return str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())


def without_gpu_extension() -> str | None:
    """Why lava-dl cannot run on this GPU: it compiles its own extension at the first use. None where it can."""
    from torch.utils import cpp_extension

    missing = [name for name in ("ninja", "c++") if shutil.which(name) is None]
    if cpp_extension.CUDA_HOME is None or not (Path(cpp_extension.CUDA_HOME) / "bin" / "nvcc").exists():
        missing.insert(0, "nvcc")
    if not missing:
        return None
    return f"lava-dl compiles its GPU extension when it is first used, and {' and '.join(missing)} cannot be found"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
