"""Numba kernels of the recurrent layer: samples on threads, neurons on the vector axis, columns of R for each spike.

Integers are computed in float64, where they are exact: a float32 state has 24 bits, a factor kept of 1/4096 13 more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from bats_dt.kernels.threads import run_pieces
from lava_dt.dynamics import row_sums
from lava_dt.dynamics.recurrent.reference import Array

_COLUMNS = 64  # neurons of one piece of the weights' gradient


@njit(nogil=True, cache=True)
def _advance(
    drive: Array,
    feedback: Array,
    keep_current: Array,
    keep_voltage: Array,
    level: Array,
    lost: Array,
    scale: Any,
    u: Array,
    v: Array,
    voltages: Array,
    spikes: Array,
) -> None:
    one, zero = np.float32(1), np.float32(0)
    for i in range(u.size):
        kept = np.trunc(np.float64(np.trunc(scale * u[i])) * keep_current[i])
        current = np.float32(kept + np.float64(np.trunc(scale * (drive[i] + feedback[i])))) / scale
        kept = np.trunc(np.float64(np.trunc(scale * v[i])) * keep_voltage[i])
        voltage = np.float32(kept + np.float64(np.trunc(scale * current))) / scale
        fired = np.rint(voltage * scale) > level[i]
        u[i] = current
        voltages[i] = voltage
        spikes[i] = one if fired else zero
        v[i] = voltage - lost[i] if fired else voltage


@njit(nogil=True, cache=True)
def _hard(v: Array, spikes: Array) -> None:
    zero = np.float32(0)
    for i in range(v.size):
        v[i] = zero if spikes[i] > zero else v[i]


@njit(nogil=True, cache=True)
def _list(spikes: Array, fired: Array, first: int) -> int:
    count = first
    for i in range(spikes.size):
        if spikes[i] > 0:
            fired[count] = i
            count += 1
    return count


@njit(nogil=True, cache=True)
def _forward(
    first: int,
    end: int,
    drive: Array,
    columns: Array,
    bias: Any,
    keep_current: Array,
    keep_voltage: Array,
    level: Array,
    lost: Array,
    scale: Any,
    soft_reset: bool,
    current: Array,
    voltage: Array,
    spikes: Array,
    tail: Array,
    voltages: Array,
    currents: Array,
    start: Array,
    fired: Array,
) -> None:
    _, steps, n = drive.shape
    hop = tail.shape[1]
    received = np.empty((1, n), np.float32)
    feedback = received[0]
    zero, width = np.uint64(0), np.uint64(n)
    for b in range(first, end):
        u, v = current[b], voltage[b]
        count = before = 0
        start[b, 0] = 0
        for t in range(steps):
            feedback[:] = bias
            row_sums.add_rows(received, zero, zero, width, columns, zero, zero, fired[b], before, count)
            row = spikes[b, t + hop] if t + hop < steps else tail[b, t + hop - steps]
            _advance(drive[b, t], feedback, keep_current, keep_voltage, level, lost, scale, u, v, voltages[b, t], row)
            if not soft_reset:
                _hard(v, row)
            if currents.size:
                currents[b, t] = u
            before = count
            count = _list(row, fired[b], count)
            start[b, t + 1] = count


def forward(
    drive: Array,
    weights: Array,
    bias: float,
    current_decay: Array,
    voltage_decay: Array,
    level: Array,
    scale: int,
    soft_reset: bool,
    current: Array,
    voltage: Array,
    tail: Array,
    keep_currents: bool = True,
) -> tuple[Array, Array, Array, Array, Array]:
    """See `reference.forward`. Also the spikes as lists, for `weight_gradient`.

    Args:
        keep_currents: without it no currents are written, and an array of none is returned.

    Returns:
        spikes, voltages, currents, and lists: the neurons that fired at step t of sample b are
        fired[b, start[b, t] : start[b, t + 1]].
    """
    batch, steps, n = drive.shape
    hop = tail.shape[1]
    spikes, voltages = np.empty_like(drive), np.empty_like(drive)
    currents = np.empty_like(drive) if keep_currents else np.empty((0, 0, 0), drive.dtype)
    start = np.empty((batch, steps + 1), np.int64)
    fired = np.empty((batch, steps * n), np.int32)  # as long as it may become; what stays empty takes no memory
    spikes[:, :hop] = tail
    columns = np.ascontiguousarray(weights.T)
    real = np.float32(scale)

    def spread(values: Array, dtype: Any) -> Array:
        return np.ascontiguousarray(np.broadcast_to(values.astype(dtype), n))

    keep = [spread((4096 - decay) / 4096, np.float64) for decay in (current_decay, voltage_decay)]
    theta = spread(level, np.float32)
    lost = theta / real
    run_pieces(
        batch,
        lambda first, end: _forward(
            first, end, drive, columns, np.float32(bias), *keep, theta, lost, real, soft_reset, current, voltage,
            spikes, tail, voltages, currents, start, fired,
        ),
    )  # fmt: skip
    return spikes, voltages, currents, start, fired


@njit(nogil=True, cache=True)
def _weight_gradient(first: int, end: int, grad_drive: Array, start: Array, fired: Array, grad: Array) -> None:
    batch, steps, n = grad_drive.shape
    for piece in range(first, end):
        low, high = piece * _COLUMNS, min(n, (piece + 1) * _COLUMNS)
        for b in range(batch):
            for t in range(steps - 1):
                row = grad_drive[b, t + 1, low:high]
                for j in range(start[b, t], start[b, t + 1]):
                    _add_times(grad[fired[b, j], low:high], row, np.float32(1))


def weight_gradient(grad_drive: Array, start: Array, fired: Array) -> Array:
    """Sum over samples and steps of grad_drive[t+1] spikes[t]': (n, n), [post, pre]; spikes as `forward` lists them."""
    n = grad_drive.shape[2]
    grad = np.zeros((n, n), grad_drive.dtype)
    run_pieces(-(-n // _COLUMNS), lambda first, end: _weight_gradient(first, end, grad_drive, start, fired, grad))
    return grad.T


@njit(nogil=True, cache=True)
def _add_times(total: Array, row: Array, times: Any) -> None:
    for i in range(total.size):
        total[i] += times * row[i]


@njit(nogil=True, cache=True)
def _add_rows(first: int, end: int, start: Array, index: Array, count: Array, rows: Array, total: Array) -> None:
    zero, width = np.uint64(0), np.uint64(rows.shape[1])
    for r in range(first, end):
        total[r] = 0
        if count.size:
            for e in range(start[r], start[r + 1]):
                _add_times(total[r], rows[index[e]], np.float32(count[e]))
        else:
            row_sums.add_rows(total, np.uint64(r), zero, width, rows, zero, zero, index, start[r], start[r + 1])


def add_rows(start: Array, index: Array, count: Array | None, rows: Array) -> Array:
    """Sums of rows: that of list r is the sum of count[e] rows[index[e]], e = start[r] ... start[r + 1] - 1.

    Args:
        start: (lists + 1,).
        index, count: (entries,); count None: once each.
        rows: (n_rows, n) float32.

    Returns:
        (lists, n) float32.
    """
    total = np.empty((start.size - 1, rows.shape[1]), np.float32)
    times = np.empty(0, np.int32) if count is None else count
    run_pieces(len(total), lambda first, end: _add_rows(first, end, start, index, times, rows, total))
    return total
