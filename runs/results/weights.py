"""Sizes and zeros of a trained network's weights, from a run's checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from runs.checkpoints import checkpoint_files


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What a checkpoint says of its network; all nan where there is none.

    count: parameters. size: their bytes. connections: weights of synapses. zeros: those of them that are zero.
    synapses: a network's synapses; nan with convolutions, whose synapses share weights.
    """

    count: float = math.nan
    size: float = math.nan
    connections: float = math.nan
    zeros: float = math.nan
    synapses: float = math.nan


def read_weights(path: Path) -> Weights:
    """Of the run in `path`, by its newest checkpoint that can be read; the optimizer's arrays are left alone."""
    from safetensors import SafetensorError

    for file in checkpoint_files(path):
        try:
            return _read(file)
        except (SafetensorError, OSError, ValueError):
            continue
    return Weights()


def _read(file: Path) -> Weights:
    import numpy as np
    from safetensors import safe_open

    count = size = connections = zeros = 0
    dense = True
    with safe_open(str(file), framework="numpy") as tensors:
        for name in tensors.keys():  # noqa: SIM118
            if not name.startswith("weights."):
                continue
            array = tensors.get_tensor(name)
            count += array.size
            size += array.nbytes
            if array.ndim < 2 or name.endswith("weight_g"):  # decays, delays and the lengths of normalised weights
                continue
            connections += array.size
            zeros += array.size - int(np.count_nonzero(array))
            dense &= all(length == 1 for length in array.shape[2:])
    synapses = connections if dense else math.nan
    return Weights(count=count, size=size, connections=connections, zeros=zeros, synapses=synapses)
