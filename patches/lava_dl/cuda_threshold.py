"""lava-dl-cuda-threshold: on the GPU a voltage exactly at the threshold is not lost.

The spike function fires above the threshold only (lava-dl adds 0.01 of an integer to it), and so does the reset on the
CPU: y >= 5120.01 is y >= 5121 for integers. The CUDA kernel takes the threshold as an ``int``: 5120.01 becomes 5120,
and a voltage of 5120 is reset without a spike. Here the compiled functions are called with the smallest threshold at
which the CPU would reset, which is whole and comes out of the kernel's truncation as it went in. Nothing is
recompiled.

Notes:
    From a threshold of 64.0 on the 0.01 is lost in float32, and CPU and spike function both fire at the threshold:
    the GPU then does as well. A threshold of 0 resets nothing on the CPU, and here neither on the GPU.
"""

from __future__ import annotations

import math
from typing import Any

from patches.change import Change, Replacement
from patches.patch import Patch

_MODULE = "lava.lib.dl.slayer.neuron.dynamics.leaky_integrator"


def whole_threshold(threshold: float, w_scale: int) -> float:
    """The threshold, in real units, whose product with w_scale truncates to the smallest integer that the CPU resets.

    -1, which means no reset, where the CPU resets nothing.
    """
    import numpy as np

    scale = np.float32(w_scale)
    level = np.float32(float(threshold) * w_scale)  # integers are compared with it in float32
    if not level > 0:
        return -1.0
    whole = math.ceil(level)
    passed = np.float32(whole / w_scale)
    if passed * scale < whole:
        passed = np.nextafter(passed, np.float32(math.inf))
    return float(passed)


class _WholeThresholds:
    """The compiled extension, called with whole thresholds."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def dynamics(self, input: Any, decay: Any, state: Any, threshold: float, w_scale: int) -> Any:
        return self._compiled.dynamics(input, decay, state, whole_threshold(threshold, w_scale), w_scale)

    def fwd(self, input: Any, decay: Any, state: Any, threshold: float, w_scale: int) -> Any:
        return self._compiled.fwd(input, decay, state, whole_threshold(threshold, w_scale), w_scale)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)


def _with_whole_thresholds(original: Any) -> Any:
    compiled = original.__dict__["leaky_integrator"]  # upstream's static property, which compiles at its first use

    # upstream's code looks for the compiled module in the class of this name, and puts it there
    class Accelerated(original):  # type: ignore[misc]
        leaky_integrator = type(compiled)(lambda: _WholeThresholds(compiled.fget()))

    Accelerated.__module__, Accelerated.__qualname__ = original.__module__, original.__qualname__
    return Accelerated


PATCH = Patch(
    name="lava-dl-cuda-threshold",
    reason="the CUDA kernel truncates the threshold to int: a voltage exactly at it is reset without a spike",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        Replacement(_MODULE, "Accelerated", ("6041e70dfb3a4cd1",), _with_whole_thresholds),
        Change(_MODULE, {"leaky_integrator.cu": ("926f6aad4728640f",)}),
    ),
)
