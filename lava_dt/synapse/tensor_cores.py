"""Whole spikes times 8-bit weights on a GPU's tensor cores: bfloat16 in, float32 out, and nothing rounded.

bfloat16 has 8 significant bits and thus holds lava-dl's weights and whole numbers up to 256. Products of two such are
exact, and so are their sums in float32, as everywhere in `synapse`. The gradients are products in float32, for which
`torch.backends.cuda.matmul` says how exact they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lava_dt.dynamics.launch import launch

SOURCE = Path(__file__).with_name("tensor_cores.cu")
STEPS = 8  # of a thread, as in the source
AVAILABLE = hasattr(torch.ops.aten.mm, "dtype")  # a product of narrow numbers with a wide result: torch 2.8


def narrowed(x: Tensor) -> Tensor | None:
    """x (batch, n, time) float32 on a GPU as (batch, time, n) bfloat16; None where that would change a spike.

    That is where an entry is no whole number, or has more than 8 significant bits. Waits for x.
    """
    batch, n, steps = x.shape
    time_last = not x.transpose(1, 2).is_contiguous()
    memory = x.contiguous() if time_last else x.transpose(1, 2)
    spikes = torch.empty((batch, steps, n), dtype=torch.bfloat16, device=x.device)
    refused = torch.zeros(1, dtype=torch.int32, device=x.device)
    launch(
        SOURCE,
        "narrow",
        batch * -(-steps // STEPS) * n,
        memory,
        np.int32(time_last),
        np.int32(steps % 4 == 0 and memory.data_ptr() % 16 == 0),
        spikes.view(torch.int16),
        refused,
        *map(np.int64, (batch, steps, n)),
    )
    return None if refused.item() else spikes


def product(x: Tensor, weight: Tensor, spikes: Tensor) -> Tensor:
    """sum_i weight[j, i] x[b, i, t] as (batch, time, n_out) float32.

    Args:
        x: (batch, n_in, time) float32; its values are not read. Gradient: *exact*.
        weight: (n_out, n_in) float32 of 8 significant bits. Gradient: *exact*.
        spikes: what `narrowed` made of x.
    """
    return _Product.apply(x, weight, spikes)


def _wide(spikes: Tensor, weight: Tensor) -> Tensor:
    return torch.mm(spikes, weight, out_dtype=torch.float32)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, spikes: Tensor) -> Tensor:
        ctx.save_for_backward(weight, spikes)
        return _wide(spikes.flatten(0, 1), weight.to(torch.bfloat16).t()).unflatten(0, spikes.shape[:2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_drive: Tensor) -> tuple[Tensor | None, ...]:
        weight, spikes = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.matmul(grad_drive, weight).transpose(1, 2)
        if ctx.needs_input_grad[1]:
            grad_weight = torch.mm(grad_drive.flatten(0, 1).t(), spikes.flatten(0, 1).float())
        return grad_x, grad_weight, None
