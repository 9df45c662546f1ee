"""Starts CUDA kernels on torch's tensors, where they are and in the order of torch's other work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bats_dt.kernels import device


def launch(source: Path, kernel: str, items: int, *arguments: Tensor | np.generic | None) -> None:
    """`bats_dt.kernels.device.launch` on the tensors' device and torch's current stream there.

    Args:
        source, kernel, items: as there.
        arguments: contiguous tensors, at least one, NumPy scalars, or None for a null pointer. Tensors that require a
            gradient are read as they are.

    Raises:
        ValueError: tensors on several devices, or not contiguous.
    """
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    where = {str(tensor.device): tensor.device for tensor in tensors}
    if len(where) != 1:
        raise ValueError(
            f"the tensors are on {' and '.join(sorted(where))}: input, neurons and states must be on one device; move "
            "the network and its input there with .to(device)"
        )
    [place] = where.values()
    stream = torch.cuda.current_stream(place).cuda_stream
    detached = [argument.detach() if isinstance(argument, Tensor) else argument for argument in arguments]
    device.launch(source, kernel, items, detached, device=place.index or 0, stream=stream)
