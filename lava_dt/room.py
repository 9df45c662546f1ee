"""Memory for large signals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def room(*shape: int) -> Tensor:
    """float32 on the CPU, to be filled in.

    NumPy asks Linux for huge pages where torch does not, and the first touch of tens of MB in small pages takes several
    times as long as filling them.
    """
    return torch.from_numpy(np.empty(shape, np.float32))
