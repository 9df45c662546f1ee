"""Forward pass on a GPU: `spike_times.cu`, then the spikes of all buffers sorted by CuPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module
from bats_dt.grid import TimeGrid
from bats_dt.kernels.device import start
from bats_dt.kernels.event_lists.cuda import list_finite, places
from bats_dt.kernels.spike_times import LATE_SLACK, LEAST_SLOPE, MOST_IN_INTERVAL
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

SOURCE = Path(__file__).with_name("spike_times.cu")
_RULE_CODES = {None: 0, "snap": 1, "detect": 2, "published": 3}
_SLACK = 1e-5  # of the test for neurons that may fire, relative to the threshold: some hundred roundings of float32


def spike_times(
    inputs: SpikeEvents,
    weights: Any,
    neuron: Neuron,
    max_simulation: float,
    max_spikes: int,
    grid: TimeGrid | None,
) -> EmittedSpikes:
    """Contract: :func:`bats_dt.kernels.spike_times.spike_times`."""
    xp, dtype, batch, n_post = array_module(), weights.dtype, inputs.batch, weights.shape[1]
    dt, rule = (grid.dt, grid.rule) if grid else (0.0, None)
    shape, cells = (batch, n_post, max_spikes), batch * n_post
    times, since, inverse = xp.full(shape, np.inf, dtype), xp.empty(shape, dtype), xp.empty(shape, dtype)
    last_input = xp.empty(shape, np.int32)  # counted in its sample
    lost, bounded, diverged = (xp.empty((batch, n_post), np.int32) for _ in range(3))
    low = neuron.threshold * (1 - _SLACK) - (LATE_SLACK if rule == "published" else 0.0)
    start(
        SOURCE, "simulate", cells, dtype, inputs.offsets, inputs.times, inputs.neurons,
        _intervals(inputs, neuron, max_simulation), weights, np.int32(_RULE_CODES[rule]),
        *map(np.float64, (neuron.tau_mem, neuron.tau_syn, neuron.delta, neuron.threshold, neuron.reset, dt)),
        np.int32(neuron.closed_form), np.float64(LEAST_SLOPE * neuron.threshold / neuron.tau_mem),
        np.float64(LATE_SLACK), np.int32(MOST_IN_INTERVAL), dtype.type(low), dtype.type(_most_response(neuron)),
        dtype.type(max_simulation), times, since, inverse, last_input, lost, bounded, diverged,
        *map(np.int64, (cells, n_post, max_spikes)),
    )  # fmt: skip
    offsets, order = list_finite(times)
    events = SpikeEvents(offsets, times.ravel()[order], *places(order, n_post, max_spikes), n_post, max_spikes)
    first = diverged.argmax(axis=1) if batch else xp.zeros(0, np.int64)
    return EmittedSpikes(
        events,
        inputs.offsets[events.samples] + last_input.ravel()[order],
        since.ravel()[order],
        inverse.ravel()[order],
        lost.sum(axis=1),
        bounded.sum(axis=1),
        xp.where(diverged.any(axis=1), first, -1),
        rule in ("snap", "detect"),
    )


def _intervals(inputs: SpikeEvents, neuron: Neuron, max_simulation: float) -> Any:
    """What the interval after each event does to a state, and its end [s], (n_events, 4)."""
    n_events, dtype = len(inputs.times), inputs.times.dtype
    after = array_module().empty((n_events, 4), dtype)
    start(
        SOURCE, "intervals", n_events, dtype, inputs.times, inputs.samples, inputs.offsets, after,
        *map(np.float64, (neuron.tau_mem, neuron.tau_syn, neuron.delta)), np.int32(neuron.closed_form),
        dtype.type(max_simulation), np.int64(n_events),
    )  # fmt: skip
    return after


def _most_response(neuron: Neuron) -> float:
    """The maximum of g(s), at s = -log(1 - delta tau_syn) / delta."""
    delta = neuron.delta
    return neuron.response(-math.log1p(-delta * neuron.tau_syn) / delta if delta else neuron.tau_syn)
