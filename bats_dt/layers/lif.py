"""The dense layer of leaky integrate-and-fire neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bats_dt.checks import instance
from bats_dt.grid import TimeGrid
from bats_dt.kernels.spike_gradients import spike_gradients
from bats_dt.kernels.spike_times import spike_times
from bats_dt.layers.base import AbstractLayer
from bats_dt.layers.spiking import SpikingLayer
from bats_dt.spikes import EmittedSpikes, SpikeEvents


class LIFLayer(SpikingLayer):
    """LIF neurons that see every neuron of the layer below, simulated exactly (EQUATIONS A.5) or on a grid (A.6).

    Parameters
    ----------
    previous_layer: the layer below, of any kind.
    tau_s: synaptic time constant [s].
    theta: threshold. delta_theta: what a spike takes from the potential.
    weight_initializer: called with (n_post, n_pre), returns the weights; None for zeros.
    max_n_spike: spikes kept for each neuron and sample; further ones reset the neuron and are counted as lost.
    n_neurons: number of neurons. name: what the weights are stored under.
    grid: the times its spikes may take; None for continuous time, as BATS.
    dtype: float32, or float64 to check gradients.
    tau_mem: membrane time constant [s], anything above 0; None for 2 tau_s, as BATS.
    grow: when spikes are lost, double ``max_n_spike`` and simulate again until none is. The layer keeps the size it
        has come to. With ``max_n_spike=1`` too: for a code of first spikes leave it False.

    Attributes
    ----------
    lost_spikes: number of spikes of the last forward pass that did not fit into the buffer. The first time there
        are any a warning is given (not for max_n_spike = 1, where keeping only the first spike is the code).
    bounded_slopes: number of crossings of the last forward pass that were so near to tangential that their gradient
        is bounded.

    Raises
    ------
    ValueError: a constant out of its range, a grid that does not suit the neuron, or weights that do not fit.
    TypeError: an argument of another kind.
    """

    def __init__(
        self,
        previous_layer: AbstractLayer,
        tau_s: float,
        theta: float,
        delta_theta: float,
        weight_initializer: Callable[[int, int], Any] | None = None,
        max_n_spike: int = 32,
        *,
        n_neurons: int,
        name: str = "",
        grid: TimeGrid | None = None,
        dtype: Any = np.float32,
        tau_mem: float | None = None,
        grow: bool = False,
    ) -> None:
        instance("previous_layer", previous_layer, AbstractLayer, "pass the layer below, for example an InputLayer")
        super().__init__(
            previous_layer, tau_s, theta, delta_theta, weight_initializer, max_n_spike, grid, dtype, tau_mem, grow,
            n_neurons=n_neurons, name=name,
        )  # fmt: skip

    @property
    def _weights_shape(self) -> tuple[int, ...]:
        return self.n_neurons, self._previous_layer.n_neurons

    def _connections(self) -> str:
        return f"{self.n_neurons} neurons above {self._previous_layer.n_neurons}"

    def _simulate(self, inputs: SpikeEvents, max_simulation: float) -> EmittedSpikes:
        return spike_times(inputs, self._by_input, self.neuron, max_simulation, self.max_n_spike, self.grid)

    def _carry_back(self, errors: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray | None]:
        return spike_gradients(
            errors, self.emitted, self._inputs(), self._by_input, self.neuron, parts, self._previous_layer.trainable
        )
