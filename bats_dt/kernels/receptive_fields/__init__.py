"""A convolution as a dense layer: every output position sees its window's spikes as a sample of its own.

Sample s at output position p becomes the virtual sample s * positions + p. Its inputs are the places of its window, its
neurons the filters, and its weights (places, filters) are shared by all; so the kernels of a dense layer simulate
a convolution and carry its errors back, and whatever they can do it can.

A map of shape (X, Y, C) has the flat index (x * Y + y) * C + channel, positions and the places of a window likewise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bats_dt.backend import implementation
from bats_dt.spikes import SpikeEvents


@dataclass(frozen=True)
class Unfolded:
    """Spikes of a map as its windows see them.

    events: those of the virtual samples; a spike of the map is in as many as there are windows that hold it.
    source: int64 (n_virtual,), index of the map's event that each comes from; ascending within a virtual sample.
    offsets: int64 (batch + 1,), those of the map's events.
    """

    events: SpikeEvents
    source: np.ndarray
    offsets: np.ndarray


def unfold(events: SpikeEvents, shape: tuple[int, int, int], window: tuple[int, int]) -> Unfolded:
    """Give every window its spikes.

    events: spikes of a map of ``shape`` (X, Y, C). window: its extent (fx, fy), no larger than the map.

    Windows lie wholly on the map, one at each of the (X - fx + 1)(Y - fy + 1) positions. The virtual neuron of pixel
    (x, y) in the window at (ox, oy) is ((x - ox) * fy + y - oy) * C + channel.
    """
    offsets, source, neurons = implementation(__name__).unfold(events, shape, window)
    places = window[0] * window[1] * shape[2]
    virtual = SpikeEvents(offsets, events.times[source], neurons, events.slots[source], places, events.n_slots)
    return Unfolded(virtual, source, events.offsets)


def fold(errors: np.ndarray, unfolded: Unfolded) -> np.ndarray:
    """Errors of the map's events, (n_events,): the sum over the windows that hold each.

    errors: (n_virtual,), one a virtual event. The sum is in the order of the windows, whatever the number of threads.
    """
    return implementation(__name__).fold(errors, unfolded)


def assemble(events: SpikeEvents, positions: int) -> tuple[SpikeEvents, np.ndarray]:
    """What the filters emitted at each position, as the spikes of one map.

    events: of batch * ``positions`` virtual samples. Filter f at position p is neuron p * n_filters + f.

    Returned: the events of the map, sorted as all events are; and of each the index of the virtual event it is,
    int64 (n_events,).
    """
    neurons = ((events.samples % positions) * events.n_neurons + events.neurons).astype(events.neurons.dtype)
    offsets = events.offsets[::positions].copy()  # without gaps, as kernels take them
    order = implementation(__name__).assemble(offsets, events.times, neurons)
    n_neurons = positions * events.n_neurons
    joined = SpikeEvents(offsets, events.times[order], neurons[order], events.slots[order], n_neurons, events.n_slots)
    return joined, order
