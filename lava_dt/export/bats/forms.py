"""A BATS network run as it is, in exact time or as Loihi's neurons would: what it predicts and how often it spikes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass

import numpy as np

from bats_dt import Network, TimeGrid
from bats_dt.backend import to_numpy
from bats_dt.layers import ClockedLIFLayer
from bats_dt.layers.spiking import SpikingLayer
from bats_dt.losses import AbstractLoss

_BATCH = 256


@dataclass(frozen=True)
class Ran:
    """What a network did on samples.

    Attributes:
        predicted: (batch,) classes.
        spikes: of each layer of neurons, a sample.
        lost: spikes of each layer that its buffer (``max_n_spike``) had no room for, a sample.
        shared: spikes of each layer that are not the first of their neuron in a step of dt, a sample.
    """

    predicted: np.ndarray
    spikes: tuple[float, ...]
    lost: tuple[float, ...]
    shared: tuple[float, ...]


def own_form(network: Network) -> tuple[str, Network]:
    """A copy of the network, and what it is."""
    neurons = _neurons(network)
    grids = {layer.grid for layer in neurons}
    grid = grids.pop() if len(grids) == 1 else None
    if any(isinstance(layer, ClockedLIFLayer) for layer in neurons):
        name = "clocked"
    elif grids:
        name = "on several grids"
    else:
        name = "exact time" if grid is None else f"{grid.rule}, {grid.dt * 1e3:.4g} ms"
    return f"{name}, as trained", copy.deepcopy(network)


def with_grid(network: Network, grid: TimeGrid | None, unlimited: bool = False) -> Network:
    """A copy of the network whose layers all emit on a grid, or in exact time.

    Args:
        network: without clocked layers.
        grid: of all layers.
        unlimited: whether neurons spike as often as they may, whatever their ``max_n_spike``.
    """
    changed = copy.deepcopy(network)
    for layer in _neurons(changed):
        layer.grid = grid
        layer.grow = layer.grow or unlimited
    return changed


def run(network: Network, times: np.ndarray, counts: np.ndarray, duration: float, dt: float, loss: AbstractLoss) -> Ran:
    """Runs a network on samples, with the inputs on the grid of its first layer.

    Args:
        network: it is left with the spikes of the last samples.
        times, counts: (batch, n, slots) [s] and (batch, n).
        duration: [s].
        dt: step of `Ran.shared` [s].
        loss: whose ``predict`` decides.
    """
    neurons = _neurons(network)
    grid = None if isinstance(neurons[0], ClockedLIFLayer) else neurons[0].grid  # which bins inputs itself
    times = times if grid is None else to_numpy(grid.encode(times))
    tally, predicted = np.zeros((3, len(neurons))), []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*max_n_spike", category=RuntimeWarning)  # it is counted here
        for first in range(0, len(times), _BATCH):
            some = slice(first, first + _BATCH)
            network.reset()
            network.forward(times[some], counts[some], duration)
            predicted.append(to_numpy(loss.predict(*network.output_spike_trains)))
            for place, layer in enumerate(neurons):
                tally[:, place] += len(layer.events.times), layer.lost_spikes, _shared(layer, dt)
    spikes, lost, shared = (tuple(float(n) for n in row / len(times)) for row in tally)
    return Ran(np.concatenate(predicted), spikes, lost, shared)


def _neurons(network: Network) -> list[SpikingLayer]:
    return [layer for layer in network.layers if isinstance(layer, SpikingLayer)]


def _shared(layer: SpikingLayer, dt: float) -> int:
    events = layer.events
    steps = TimeGrid(dt).encode(to_numpy(events.times)) / dt
    first = np.stack([to_numpy(events.samples), to_numpy(events.neurons), np.rint(steps).astype(np.int64)])
    return first.shape[1] - np.unique(first, axis=1).shape[1]
