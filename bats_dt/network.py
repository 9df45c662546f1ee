"""A stack of layers that is simulated, trained, stored and restored together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import as_array
from bats_dt.checks import instance, real_number
from bats_dt.layers.base import AbstractLayer
from bats_dt.layers.input import InputLayer
from bats_dt.stored_weights import read_weights, write_weights


class Network:
    """Layers in the order in which they were added, the first of them the input.

    A training step: ``reset``, ``forward``, a loss's ``compute_loss_and_errors`` on ``output_spike_trains``,
    ``backward``, the mean of every gradient over axis 0, an optimizer's ``step``, ``apply_deltas``.
    """

    def __init__(self) -> None:
        self._layers: list[AbstractLayer] = []
        self._input: InputLayer | None = None

    @property
    def layers(self) -> list[AbstractLayer]:
        """All layers, the input first."""
        return self._layers

    @property
    def output_spike_trains(self) -> tuple[np.ndarray, np.ndarray]:
        """Padded times (batch, n_neurons, slots) [s] and counts (batch, n_neurons) of the last layer."""
        return self._top().spike_trains

    def add_layer(self, layer: AbstractLayer, input: bool = False) -> None:
        """Add a layer on top; ``input`` marks the one that takes the spikes given to ``forward``.

        Raises
        ------
        TypeError: it is no layer. ValueError: its ``previous_layer`` is not the one that was added before it, or an
            input that is no InputLayer.
        """
        instance("layer", layer, AbstractLayer, "pass a layer of bats_dt.layers, for example a LIFLayer")
        if input and not isinstance(layer, InputLayer):
            raise ValueError(f"input=True needs an InputLayer or ConvInputLayer, {layer!r} is none")
        below = self._layers[-1] if self._layers else None
        if layer.previous_layer is not below:
            raise ValueError(
                f"{layer!r} was made to stand on {layer.previous_layer or 'no layer'!s} but here it would stand on "
                f"{below or 'no layer'!s}: add the layers in their order, the input first"
            )
        if isinstance(layer, InputLayer) and input:
            self._input = layer
        self._layers.append(layer)

    def reset(self) -> None:
        """Forget the spikes of the last forward pass."""
        for layer in self._layers:
            layer.reset()

    def forward(
        self, spike_times: Any, spike_counts: Any, max_simulation: float = math.inf, training: bool = False
    ) -> None:
        """Simulate all layers.

        spike_times: float (batch, n_inputs, slots) [s], rows ascending, inf where there is no spike.
        spike_counts: integers (batch, n_inputs). max_simulation: last time of a spike [s], inclusive.

        Raises
        ------
        TypeError, ValueError: trains that do not fit, an end before the start, a network without an input layer.
        """
        if self._input is None:
            raise ValueError("the network has no input layer: add_layer(InputLayer(...), input=True) first")
        end = real_number("max_simulation", max_simulation, "pass the end in seconds, math.inf for none")
        if not end > 0:
            raise ValueError(f"max_simulation is {max_simulation} s: the end of the simulation must be above 0")
        self._input.set_spike_trains(spike_times, spike_counts)
        for layer in self._layers:
            layer.forward(end, training)

    def backward(self, errors: Any, per_sample: bool = False) -> list[np.ndarray | None]:
        """Gradients of all weights, from the errors of the last layer's spikes.

        errors: dL/dt (batch, n_neurons, slots), as a loss returns them; slots without a spike are ignored.

        Returned: one array a layer, None for those without weights and for all below a layer that is not trainable: the
        mean over the batch as (1, ...) and the shape of the weights, so that a mean over axis 0 leaves it as it is; or
        every sample's own, (batch, ...), if ``per_sample``. Exact in continuous time, straight-through on a grid.

        Raises
        ------
        TypeError: errors that are not floating point. ValueError: errors of another shape. RuntimeError: there are no
            spikes yet.
        """
        gradients: list[np.ndarray | None] = [None] * len(self._layers)
        errors = as_array("errors", errors)
        if errors.dtype.kind != "f":
            raise TypeError(f"errors have dtype {errors.dtype}: pass dL/dt in floating point, as a loss returns it")
        events = self._top().events
        shape = (events.batch, events.n_neurons, events.n_slots)
        if errors.shape != shape:
            raise ValueError(f"errors have shape {errors.shape}: pass dL/dt of shape {shape}, as a loss returns it")
        passed: np.ndarray | None = errors if per_sample else errors / errors.dtype.type(len(errors))
        for index in reversed(range(len(self._layers))):
            layer = self._layers[index]
            result = layer.backward(passed, per_sample) if layer.trainable and passed is not None else None
            if result is None:
                break
            gradients[index], passed = result
        return gradients

    def apply_deltas(self, deltas: Sequence[np.ndarray | None]) -> None:
        """Add one delta a layer to the weights, of their shape; None for a layer without any."""
        if len(deltas) != len(self._layers):
            raise ValueError(f"{len(deltas)} deltas for {len(self._layers)} layers: pass one a layer, None where none")
        for layer, delta in zip(self._layers, deltas, strict=True):
            if delta is not None:
                layer.add_deltas(delta)

    def store(self, directory: str | Path) -> None:
        """Write all weights to ``weights.safetensors`` in ``directory``, which is made if need be."""
        write_weights(Path(directory), {name: layer.weights for name, layer in self._weighted_layers().items()})

    def restore(self, directory: str | Path) -> None:
        """Read what :meth:`store` wrote; where that is not, what BATS's own store did, ``<name>_weights.npy`` a layer.

        Raises
        ------
        FileNotFoundError: there is neither, or a layer's file is missing. ValueError: other layers or other shapes.
            Either way the network is as it was.
        """
        layers = self._weighted_layers()
        weights = read_weights(Path(directory), {name: layer.name for name, layer in layers.items()})
        before = {name: layer.weights.copy() for name, layer in layers.items()}  # type: ignore[union-attr]
        try:
            _give(layers, weights)
        except ValueError:
            _give(layers, before)
            raise

    def _top(self) -> AbstractLayer:
        if not self._layers:
            raise RuntimeError("the network has no layers yet: call add_layer, with the InputLayer first")
        return self._layers[-1]

    def _weighted_layers(self) -> dict[str, AbstractLayer]:
        """Layers with weights by name, ``layer_<index>`` where they have none."""
        named: dict[str, AbstractLayer] = {}
        for index, layer in enumerate(self._layers):
            if layer.weights is not None:
                name = layer.name or f"layer_{index}"
                if name in named:
                    raise ValueError(f"two layers are called {name!r}: give each a name of its own")
                named[name] = layer
        return named


def _give(layers: dict[str, AbstractLayer], weights: Mapping[str, np.ndarray]) -> None:
    for name, layer in layers.items():
        layer.weights = weights[name]  # type: ignore[misc]
