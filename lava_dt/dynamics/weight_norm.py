"""Weight normalisation, with a backward pass that takes the gradient as the kernels sum it: by inputs.

    w = g v / ||v||,    dL/dg = <dL/dw, v> / ||v||,    dL/dv = g / ||v|| (dL/dw - v <dL/dw, v> / ||v||^2)

The norm is that of an output's weights w. The forward pass is torch's, bit for bit.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.dynamics.turn import STRIP, strip_for, turn_strip
from lava_dt.room import room

WORK = 4  # of an entry, in updates of the size that `run_pieces` counts


def normalise(v: Tensor, g: Tensor) -> Tensor:
    """Weights of norm g in the direction of v, as ``torch.nn.utils.weight_norm`` along the first axis.

    Args:
        v: (n_out, ...) float32 on the CPU, contiguous. Gradient: *exact*.
        g: (n_out, 1...) float32, contiguous. Gradient: *exact*, its sums in float64.
    """
    return _Normalise.apply(v, g)


def fits(*tensors: Tensor) -> bool:
    """Whether `normalise` takes them, v and g, or could have made it, the weight."""
    return all(x.device.type == "cpu" and x.dtype == torch.float32 and x.is_contiguous() for x in tensors)


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, g: Tensor) -> Tensor:
        weight, norm = torch._weight_norm_interface(v, g, 0)
        ctx.save_for_backward(v, g, norm)
        return weight

    @staticmethod
    def backward(ctx: Any, grad_weight: Tensor) -> tuple[Tensor, Tensor]:
        v, g, norm = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to have gradients
            norm = torch.linalg.vector_norm(v.flatten(1), dim=1).view_as(g)
            along = (grad_weight * v).flatten(1).sum(1).view_as(g) / norm
            return g / norm * (grad_weight - v * along / norm), along
        rows = grad_weight.numpy().reshape(len(v), -1).T
        if not rows.flags.c_contiguous:
            return torch.ops.aten._weight_norm_interface_backward(grad_weight.contiguous(), v, g, norm, 0)
        grad_v, grad_g = room(*v.shape), torch.empty_like(g)
        arrays = (rows, *(array.numpy().reshape(len(v), -1) for array in (v, g, norm, grad_v, grad_g)))
        run_pieces(-(-v.shape[0] // STRIP), lambda first, end: _backward(first, end, *arrays), WORK * v.numel())
        return grad_v, grad_g


@njit(nogil=True, cache=True, error_model="numpy")
def _backward(first, end, rows, v, g, norm, grad_v, grad_g):
    """Pieces are strips of outputs; rows: (n_in, n_out), the gradient of the weights."""
    n_out, n_in = v.shape
    strip = strip_for(n_in)
    grad = strip.view(np.float32)
    for column in range(first * STRIP, min(end * STRIP, n_out), STRIP):
        n = min(STRIP, n_out - column)
        turn_strip(rows, column, n, strip)
        for j in range(n):
            output = np.uint64(column + j)
            size, length = np.float64(g[output, 0]), np.float64(norm[output, 0])
            along = _product(grad, np.uint64(j), v, output) / length
            grad_g[output, 0] = along
            _across(
                grad, np.uint64(j), v, output, np.float32(size / length), np.float32(size * along / length**2), grad_v
            )


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _product(grad, j, v, output):
    total = 0.0
    for i in range(v.shape[1]):
        at = np.uint64(i)
        total += np.float64(grad[j, at]) * np.float64(v[output, at])
    return total


@njit(nogil=True, cache=True, fastmath={"contract"})
def _across(grad, j, v, output, stretch, along, grad_v):
    for i in range(v.shape[1]):
        at = np.uint64(i)
        grad_v[output, at] = stretch * grad[j, at] - along * v[output, at]
