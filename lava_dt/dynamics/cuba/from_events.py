"""The fused CuBa layer from spikes: rows of weights are added where a spike arrives, and the drive is never stored.

With dense connections samples and blocks of neurons are divided among the threads, and the gradient of the weights is
summed by inputs, of which a thread has its own; with others, where an input reaches different neurons through the same
weights, only the samples are divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bats_dt.kernels.threads import run_pieces
from lava_dt.cache import second_level
from lava_dt.dynamics.cuba import gather, parameters, scatter
from lava_dt.dynamics.cuba.bounds import integer_type
from lava_dt.dynamics.cuba.lists import by_input
from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.dynamics.cuba.step import SLOT
from lava_dt.dynamics.cuba.weights import Laid, int8_rows
from lava_dt.room import room

if TYPE_CHECKING:
    from lava_dt.events import Events
    from lava_dt.synapse import Connections

Array = NDArray[Any]

SECOND_LEVEL_CACHE = 5 << 18  # bytes of weights that a thread works on at a time
GRADIENT_AT_A_TIME = 5 * max(second_level(), 1 << 20) // 8  # bytes of the drive's gradient before they are summed
COLUMNS = 128  # of neurons whose gradients are swept and summed together
PARTS = 8  # of the samples; each sums a weight gradient of its own, whatever the number of threads


def forward(
    events: Events,
    rows: Tensor,
    connections: Connections,
    unit: float,
    neurons: Neurons,
    state: State,
    save: bool,
    laid: Laid | None = None,
) -> tuple[Tensor, State, Tensor | None, int]:
    """See `reference.forward_events`; ``laid`` as in `respond_to_events`."""
    batch, steps, n = events.batch, events.steps, connections.n_out
    block = _columns(rows.shape[0], rows.shape[1], batch) if connections.dense else rows.shape[1]
    laid = {} if laid is None else laid
    if (unit, block) not in laid:
        laid[unit, block] = int8_rows(rows, unit, block)
    table, largest = laid[unit, block]
    factor = round(unit * neurons.scale)
    integer = integer_type(float(largest * _most_spikes(events) * factor), steps, neurons, state)
    spikes, after = parameters.outputs(state, steps)
    voltage = room(batch, steps if save else 0, n)
    arrays = (
        events.start,
        events.index,
        _counts(events),
        table,
        steps,
        state.tail.shape[1],
        integer(factor),
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
    if connections.dense:
        run_pieces(batch * table.shape[0], lambda first, end: gather.forward(first, end, *arrays))
    else:
        links = (connections.start, connections.target, connections.row)
        run_pieces(batch, lambda first, end: scatter.forward(first, end, *links, *arrays))
    return spikes, after, voltage if save else None, largest


def backward(
    grad_spikes: Tensor,
    voltage: Tensor,
    events: Events,
    connections: Connections,
    neurons: Neurons,
    hop: int,
    keep: bool,
) -> tuple[Tensor, Tensor | None]:
    """See `reference.backward_events`."""
    batch, steps, n = voltage.shape
    signals = parameters.flat(grad_spikes), parameters.flat(voltage)
    values = steps, hop, parameters.of_adjoint(neurons, n), np.float32(1 / neurons.scale)
    if not connections.dense:
        return _backward_scattered((*signals, *values), events, connections, keep)
    width = min(COLUMNS, 16 * -(-n // 16))
    group = max(1, steps) * max(1, min(batch, GRADIENT_AT_A_TIME // max(1, 4 * steps * width)))
    kept, grad_rows = room(batch * steps if keep else 0, n), room(connections.n_rows, n)
    arrays = (*signals, *values, *by_input(events, group), group, width, kept.numpy(), grad_rows.numpy())
    run_pieces(-(-n // width), lambda first, end: gather.backward(first, end, *arrays))
    return grad_rows, kept.view(batch, steps, n) if keep else None


def _backward_scattered(
    arrays: tuple[Any, ...], events: Events, connections: Connections, keep: bool
) -> tuple[Tensor, Tensor | None]:
    batch, steps, n = events.batch, events.steps, connections.n_out
    parts = min(PARTS, batch)
    partial = np.zeros((parts, connections.n_rows, connections.width), np.float32)
    kept = room(batch, steps, n) if keep else room(parts, 1, n)
    listed = (events.start, events.index, _counts(events))
    links = (connections.start, connections.target, connections.row)
    run_pieces(
        parts,
        lambda first, end: scatter.backward(
            first, end, *arrays, *listed, *links, batch, parameters.flat(kept), keep, partial
        ),
    )
    return torch.from_numpy(partial.sum(0)), kept if keep else None


def _columns(n_rows: int, width: int, batch: int) -> int:
    """Columns of a block: few enough for their weights to stay in the cache, and for 8 pieces of work or more."""
    blocks = max(-(-n_rows * width // SECOND_LEVEL_CACHE), -(-width // SLOT), min(-(-8 // max(batch, 1)), width // 64))
    return 16 * -(-width // (16 * max(blocks, 1)))


def _counts(events: Events) -> Array:
    return np.empty(0, np.int32) if events.count is None else events.count


def _most_spikes(events: Events) -> int:
    """The largest number of spikes, signs ignored, that arrive in one step of one sample."""
    if not events.index.size:
        return 0
    if events.count is None:
        return int(np.diff(events.start).max())
    total = np.concatenate([[0], np.cumsum(np.abs(events.count.astype(np.int64)))])
    return int(np.diff(total[events.start]).max())
