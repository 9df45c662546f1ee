"""The input layer of a convolutional network."""

from __future__ import annotations

from typing import Any

from bats_dt.layers.input import InputLayer
from bats_dt.layers.maps import AbstractConvLayer


class ConvInputLayer(AbstractConvLayer, InputLayer):
    """Spikes from outside on a map ``neurons_shape`` (X, Y, channels).

    Trains are given flat, (batch, X * Y * channels, slots), as those of an :class:`InputLayer`.
    """

    def __init__(self, neurons_shape: Any, name: str = "") -> None:
        super().__init__(neurons_shape, name=name)
