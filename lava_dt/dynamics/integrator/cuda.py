"""The leaky integrator on a GPU: `integrator.cu` on torch's tensors. Same arguments and bits as `cpu`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lava_dt.dynamics.launch import launch

SOURCE = Path(__file__).with_name("integrator.cu")
_SCALARS = {torch.float32: ("float32", np.float32), torch.float64: ("float64", np.float64)}


def forward(x: Tensor, decay: Tensor, state: Tensor, scale: int, threshold: Tensor, soft_reset: bool) -> Tensor:
    """See `reference.forward`; the result is laid out in memory as (batch, time, channel, rest)."""
    batch, channels, rest, steps = x.shape
    by_time = x.permute(0, 3, 1, 2).contiguous()
    y = torch.empty_like(by_time)
    name, real = _SCALARS[x.dtype]
    launch(
        SOURCE,
        f"forward_{name}",
        batch * channels * rest,
        by_time,
        decay,
        state.contiguous(),
        real(scale),
        threshold,
        np.int32(soft_reset),
        y,
        *map(np.int64, (batch, channels, rest, steps, decay.numel(), threshold.numel())),
    )
    return y.permute(0, 2, 3, 1)


def backward(grad_y: Tensor, keep: Tensor) -> Tensor:
    """See `reference.backward`; memory as in `forward`."""
    batch, channels, rest, steps = grad_y.shape
    by_time = grad_y.permute(0, 3, 1, 2).contiguous()
    grad_x = torch.empty_like(by_time)
    name, _ = _SCALARS[grad_y.dtype]
    launch(
        SOURCE,
        f"backward_{name}",
        batch * channels * rest,
        by_time,
        keep,
        grad_x,
        *map(np.int64, (batch, channels, rest, steps, keep.numel())),
    )
    return grad_x.permute(0, 2, 3, 1)
