"""The convolutional layer of leaky integrate-and-fire neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import instance
from bats_dt.grid import TimeGrid
from bats_dt.kernels.receptive_fields import Unfolded, assemble, fold, unfold
from bats_dt.kernels.spike_gradients import spike_gradients
from bats_dt.kernels.spike_times import spike_times
from bats_dt.layers.maps import AbstractConvLayer, three_extents
from bats_dt.layers.spiking import SpikingLayer
from bats_dt.spikes import EmittedSpikes, SpikeEvents


class ConvLIFLayer(AbstractConvLayer, SpikingLayer):
    """LIF neurons that see a window of the map below, with weights shared by all positions.

    The map is (X - fx + 1, Y - fy + 1, n_filters): valid cross-correlation, stride 1. The weight from (x, y, channel)
    below to (ox, oy, f) is ``weights[f, x - ox, y - oy, channel]``. Each neuron is simulated from input to input of its
    own window, which matters to the rule ``published`` alone: it decides anew at each input.

    Parameters
    ----------
    previous_layer: the layer below, one with a map.
    filters_shape: (fx, fy, n_filters), windows no larger than the map below.
    weight_initializer: called with (n_filters, fx, fy, channels below), returns the weights; None for zeros.
    The others, attributes and errors: as those of :class:`bats_dt.layers.LIFLayer`.
    """

    _weights_axes = "n_filters, fx, fy, channels"

    def __init__(
        self,
        previous_layer: AbstractConvLayer,
        filters_shape: Any,
        tau_s: float,
        theta: float,
        delta_theta: float,
        weight_initializer: Callable[[int, int, int, int], Any] | None = None,
        max_n_spike: int = 32,
        *,
        name: str = "",
        grid: TimeGrid | None = None,
        dtype: Any = np.float32,
        tau_mem: float | None = None,
        grow: bool = False,
    ) -> None:
        instance(
            "previous_layer", previous_layer, AbstractConvLayer,
            "a convolution needs a map below it, a ConvInputLayer, ConvLIFLayer or PoolingLayer",
        )  # fmt: skip
        fx, fy, n_filters = three_extents("filters_shape", filters_shape, "(fx, fy, n_filters)")
        size_x, size_y, channels = (int(extent) for extent in previous_layer.neurons_shape)
        if fx > size_x or fy > size_y:
            raise ValueError(
                f"filters of {fx} x {fy} are larger than the map of {size_x} x {size_y} of {previous_layer!r}: pass "
                f"filters_shape (fx, fy, n_filters) with fx up to {size_x} and fy up to {size_y}"
            )
        self._below, self._window = (size_x, size_y, channels), (fx, fy)
        self._in_fields: tuple[Unfolded, EmittedSpikes, np.ndarray] | None = None
        super().__init__(
            (size_x - fx + 1, size_y - fy + 1, n_filters), previous_layer=previous_layer, tau_s=tau_s, theta=theta,
            delta_theta=delta_theta, weight_initializer=weight_initializer, max_n_spike=max_n_spike, grid=grid,
            dtype=dtype, tau_mem=tau_mem, grow=grow, name=name,
        )  # fmt: skip

    @property
    def _weights_shape(self) -> tuple[int, ...]:
        return self._map[2], *self._window, self._below[2]

    def _connections(self) -> str:
        return f"{self._map[2]} filters of {self._window[0]} x {self._window[1]} above {self._below[2]} channels"

    def reset(self) -> None:
        """Forget the spikes of the last forward pass."""
        super().reset()
        self._in_fields = None

    def _simulate(self, inputs: SpikeEvents, max_simulation: float) -> EmittedSpikes:
        fields = unfold(inputs, self._below, self._window)
        positions = self._map[0] * self._map[1]
        try:
            spikes = spike_times(
                fields.events, self._by_input, self.neuron, max_simulation, self.max_n_spike, self.grid
            )
        except ValueError as fault:
            raise ValueError(
                f"{self!r} simulates each of its {positions} positions as a sample, number s * {positions} + position "
                f"for sample s, and its filters as the neurons: {fault}"
            ) from fault
        events, order = assemble(spikes.events, positions)
        self._in_fields = fields, spikes, order
        lost, bounded = (
            of_position.reshape(inputs.batch, positions).sum(axis=1) for of_position in (spikes.lost, spikes.bounded)
        )
        diverged = array_module().full(inputs.batch, -1)  # they would have been refused
        return EmittedSpikes(
            events, fields.source[spikes.last_input[order]], spikes.since_input[order], spikes.inverse_slope[order],
            lost, bounded, diverged, spikes.reset_on_grid,
        )  # fmt: skip

    def _carry_back(self, errors: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray | None]:
        fields, spikes, order = self._in_fields  # type: ignore[misc]  # there are events, so there are these
        errors_in_fields = array_module().empty_like(errors)
        errors_in_fields[order] = errors
        gradient, field_errors = spike_gradients(
            errors_in_fields, spikes, fields.events, self._by_input, self.neuron, parts, self._previous_layer.trainable
        )
        return gradient, None if field_errors is None else fold(field_errors, fields)
