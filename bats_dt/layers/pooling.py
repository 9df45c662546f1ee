"""The layer that joins the spikes of squares of pixels."""

from __future__ import annotations

import numpy as np

from bats_dt.checks import instance
from bats_dt.kernels.pooling import back, pool
from bats_dt.layers.maps import AbstractConvLayer
from bats_dt.spikes import SpikeEvents


class PoolingLayer(AbstractConvLayer):
    """Squares of 2 x 2 pixels become one, which emits all spikes of the four, channel by channel.

    The map is (X // 2, Y // 2, channels) with 4 times the slots of the layer below; equal times remain separate spikes.
    The last row (column) of an odd X (Y) belongs to no square: its spikes are left out, with errors of exactly 0.

    previous_layer: the layer below, one with a map of 2 x 2 pixels or more. name: it has no weights to store.

    Raises
    ------
    TypeError: the layer below has no map. ValueError: it is smaller than a square.
    """

    def __init__(self, previous_layer: AbstractConvLayer, name: str = "") -> None:
        instance(
            "previous_layer", previous_layer, AbstractConvLayer,
            "pooling needs a map below it, a ConvInputLayer, ConvLIFLayer or PoolingLayer",
        )  # fmt: skip
        size_x, size_y, channels = (int(extent) for extent in previous_layer.neurons_shape)
        if size_x < 2 or size_y < 2:
            raise ValueError(
                f"the map of {previous_layer!r} is {size_x} x {size_y}: pooling joins squares of 2 x 2, so put it on "
                "a map of at least that size"
            )
        super().__init__((size_x // 2, size_y // 2, channels), name=name)
        self._previous_layer, self._below = previous_layer, (size_x, size_y, channels)
        self._pooled: tuple[SpikeEvents, np.ndarray] | None = None

    @property
    def previous_layer(self) -> AbstractConvLayer:
        """The layer below."""
        return self._previous_layer

    @property
    def trainable(self) -> bool:
        """Whether errors pass through it: whether the layer below makes use of them."""
        return self._previous_layer.trainable

    @property
    def events(self) -> SpikeEvents:
        """Its spikes of the last forward pass."""
        return self._passed_on()[0]

    def reset(self) -> None:
        """Forget the spikes of the last forward pass."""
        self._pooled = None

    def forward(self, max_simulation: float, training: bool = False) -> None:
        """Pass on the spikes of the layer below, which has been simulated up to ``max_simulation`` [s]."""
        self._pooled = pool(self._previous_layer.events, self._below)

    def backward(self, errors: np.ndarray, per_sample: bool = False) -> tuple[None, np.ndarray]:
        """No gradient, and dL/dt of each event of the layer below: exact, each error goes to where its spike came from.

        errors: dL/dt, padded (batch, n_neurons, slots) or one an event (n_events,), in the order of ``events``.

        Raises
        ------
        ValueError: errors of another shape.
        """
        source = self._passed_on()[1]
        return None, back(self._event_errors(errors), source, len(self._previous_layer.events.times))

    def _passed_on(self) -> tuple[SpikeEvents, np.ndarray]:
        if self._pooled is None:
            raise RuntimeError(f"layer {self.name!r} has not been simulated yet: call forward first")
        return self._pooled
