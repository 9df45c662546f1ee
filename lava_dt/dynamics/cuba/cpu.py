"""The fused CuBa layer from a dense drive, on the CPU: blocks of neurons of one sample at a time, all steps of each."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import aligned_zeros, settle, write_past
from lava_dt.dynamics.cuba import adjoint, parameters, step
from lava_dt.dynamics.cuba.bounds import integer_type_of
from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.room import room

BLOCK = 256  # neurons; all steps of that many are still in the second-level cache when they are converted


def forward(drive: Tensor, neurons: Neurons, state: State, save: bool) -> tuple[Tensor, State, Tensor | None]:
    """See `reference.forward`."""
    batch, steps, n = drive.shape
    integer = integer_type_of(drive, neurons, state)
    spikes, after = parameters.outputs(state, steps)
    voltage = room(batch, steps if save else 0, n)
    arrays = (
        parameters.flat(drive),
        steps,
        state.tail.shape[1],
        np.float32(neurons.scale),
        parameters.of_step(neurons, n, integer),
        neurons.soft_reset,
        state.current.numpy(),
        state.voltage.numpy(),
        parameters.flat(spikes),
        parameters.flat(after.tail),
        parameters.flat(voltage),
        after.current.numpy(),
        after.voltage.numpy(),
    )
    run_pieces(batch * -(-n // BLOCK), lambda first, end: _forward(first, end, *arrays))
    return spikes, after, voltage if save else None


@njit(nogil=True, cache=True)
def _forward(
    first, end, drive, steps, hop, scale, values, soft_reset, current_before, voltage_before, spikes, tail, saved,
    current, voltage,
):  # fmt: skip
    total = drive.shape[1]
    blocks = -(-total // BLOCK)
    block = aligned_zeros(step.SLOTS * step.SLOT, values.dtype)
    x = aligned_zeros(BLOCK, values.dtype)
    fired, reached = aligned_zeros(BLOCK, np.float32), aligned_zeros(BLOCK, np.float32)
    one = values.dtype.type(1)
    for piece in range(first, end):
        b, k = piece // blocks, piece % blocks
        column = np.uint64(k * BLOCK)
        n = min(BLOCK, total - k * BLOCK)
        step.load(block, n, values, current_before, voltage_before, b, k * BLOCK)
        for t in range(steps):
            _to_integers(x, n, drive, np.uint64(b * steps + t), column, scale)
            step.advance(block, n, x, np.uint64(0), one, soft_reset, fired, reached)
            if t + hop < steps:
                write_past(fired, n, spikes, np.uint64(b * steps + t + hop), column)
            else:
                write_past(fired, n, tail, np.uint64(b * hop + t + hop - steps), column)
            if saved.shape[0]:
                write_past(reached, n, saved, np.uint64(b * steps + t), column)
        step.store(block, n, current, voltage, b, k * BLOCK)
    settle()


@njit(nogil=True, cache=True)
def _to_integers(x, n, drive, row, column, scale):
    """x = trunc(scale drive)"""
    for j in range(n):
        x[j] = x.dtype.type(scale * drive[row, column + np.uint64(j)])


def backward(grad_spikes: Tensor, voltage: Tensor, neurons: Neurons, hop: int) -> Tensor:
    """See `reference.backward`."""
    batch, steps, n = voltage.shape
    grad = room(batch, steps, n)
    arrays = (
        parameters.flat(grad_spikes),
        parameters.flat(voltage),
        steps,
        hop,
        parameters.of_adjoint(neurons, n),
        np.float32(1 / neurons.scale),
        parameters.flat(grad),
    )
    run_pieces(batch * -(-n // step.SLOT), lambda first, end: adjoint.sweep_samples(first, end, *arrays))
    return grad
