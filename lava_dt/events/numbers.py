"""Which numbers the kernels read, and what the others become."""

from __future__ import annotations

import torch
from torch import Tensor

READ = (torch.float32, torch.float64, torch.uint8)
BECOME = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.int8: torch.float32,
    torch.int16: torch.float32,
    torch.int32: torch.float64,
    torch.int64: torch.float64,  # what this rounds is beyond 2**31 before and after
}


def plain_numbers(values: Tensor) -> Tensor:
    """The values in a type that the kernels read; shape and strides as they are, or as PyTorch keeps them.

    Raises:
        TypeError: the values are complex, quantised or otherwise not plain real numbers.
    """
    if values.dtype in READ:
        return values
    if values.dtype == torch.bool:
        return values.view(torch.uint8)
    if values.dtype not in BECOME:
        raise TypeError(f"spikes are {values.dtype}: pass real numbers, for example float32")
    return values.to(BECOME[values.dtype])
