"""What layers of leaky integrate-and-fire neurons with weights have in common."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from bats_dt.backend import array_module, as_array
from bats_dt.checks import finite, instance, whole_number
from bats_dt.grid import TimeGrid
from bats_dt.layers.base import AbstractLayer
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

LONGEST_RESPONSE = 30  # slowest time constants after which a potential is lost in rounding


class SpikingLayer(AbstractLayer):
    """Neurons, weights and spikes of a layer; how weights lead from spikes to neurons is for each kind of layer to say.

    The kernels see weights of shape (n_out, ...) as (n_in, n_out), with n_in the product of the rest. The parameters
    are those of :class:`bats_dt.layers.LIFLayer`.
    """

    _weights_axes = "n_post, n_pre"

    def __init__(
        self,
        previous_layer: AbstractLayer,
        tau_s: float,
        theta: float,
        delta_theta: float,
        weight_initializer: Callable[..., Any] | None,
        max_n_spike: int,
        grid: TimeGrid | None,
        dtype: Any,
        tau_mem: float | None,
        grow: bool,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        instance("grid", grid, TimeGrid | None, f"pass TimeGrid({grid}), or None for continuous time")
        instance(
            "weight_initializer", weight_initializer, Callable | None,
            f"pass a function of ({self._weights_axes}) that returns the weights, for example "
            f"lambda {self._weights_axes}: weights",
        )  # fmt: skip
        instance("grow", grow, bool, "pass True to enlarge the buffer until no spike is lost, or False")
        self.neuron = Neuron(tau_s, theta, delta_theta, tau_mem)  # type: ignore[arg-type]  # it takes None
        self._longest_response = LONGEST_RESPONSE * max(self.neuron.tau_mem, self.neuron.tau_syn)
        if grid is not None:
            self._check_grid(grid)
        self.grid = grid
        self.grow = grow
        self._max_n_spike = whole_number(
            "max_n_spike", max_n_spike, "the buffer needs room for at least 1 spike a neuron, a whole number"
        )
        self._previous_layer = previous_layer
        self._dtype = np.dtype(dtype)
        if self._dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self._dtype}: pass float32 or float64")
        self._emitted: EmittedSpikes | None = None
        self._warned = False
        n_out, *rest = self._weights_shape
        self._by_input = array_module().zeros((math.prod(rest), n_out), self._dtype)
        if weight_initializer is not None:
            self.weights = weight_initializer(n_out, *rest)

    @property
    def previous_layer(self) -> AbstractLayer:
        """The layer below."""
        return self._previous_layer

    @property
    def trainable(self) -> bool:
        """True."""
        return True

    @property
    def max_n_spike(self) -> int:
        """Spikes kept for each neuron and sample; with ``grow`` what it has grown to."""
        return self._max_n_spike

    @property
    def weights(self) -> np.ndarray:
        """The weights: a view, as rows of inputs are what is contiguous in memory."""
        return self._by_input.T.reshape(self._weights_shape)

    @weights.setter
    def weights(self, weights: Any) -> None:
        weights = as_array(f"weights of layer {self.name!r}", weights)
        if weights.shape != self._weights_shape:
            raise ValueError(
                f"weights of layer {self.name!r} have shape {weights.shape} but it has {self._connections()}: "
                f"pass {self._weights_shape}"
            )
        self._by_input = array_module().array(_by_input(self._cast("weights", weights)), order="C")

    @property
    def emitted(self) -> EmittedSpikes:
        """Its spikes of the last forward pass, with what is known of their crossings."""
        if self._emitted is None:
            raise RuntimeError(f"layer {self.name!r} has not been simulated yet: call forward first")
        return self._emitted

    @property
    def events(self) -> SpikeEvents:
        """Its spikes of the last forward pass."""
        return self.emitted.events

    @property
    def lost_spikes(self) -> int:
        """Spikes of the last forward pass that did not fit into the buffer."""
        return int(self.emitted.lost.sum())

    @property
    def bounded_slopes(self) -> int:
        """Crossings of the last forward pass whose slope was bounded."""
        return int(self.emitted.bounded.sum())

    def reset(self) -> None:
        """Forget the spikes of the last forward pass."""
        self._emitted = None

    def forward(self, max_simulation: float, training: bool = False) -> None:
        """Simulate up to ``max_simulation`` [s], inclusive. ``training`` changes nothing."""
        inputs = self._inputs()
        if self.grid is not None:
            last_input = float(inputs.times.max()) if len(inputs.times) else 0.0
            self.grid.check_span(max_simulation, last_input + self._longest_response, self._dtype)
        self._emitted = self._simulate(inputs, max_simulation)
        while self.grow and self._emitted.lost.any():
            self._max_n_spike *= 2
            self._emitted = self._simulate(inputs, max_simulation)
        if self.max_n_spike > 1 and not self._warned and self._emitted.lost.any():
            self._warned, lost = True, self.lost_spikes
            warnings.warn(
                f"layer {self.name!r} lost {lost} spike{'s' if lost > 1 else ''}: max_n_spike = {self.max_n_spike} is "
                "too small for some neurons (see lost_spikes; grow=True enlarges it; this is said once)",
                RuntimeWarning,
                stacklevel=2,
            )

    def backward(self, errors: np.ndarray, per_sample: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Gradient of the weights, and errors of the layer below.

        errors: dL/dt, padded (batch, n_neurons, slots) or one an event (n_events,), in the order of ``events``.

        Returned: dL/dw (1, *weights.shape) summed over the batch, (batch, *weights.shape) if ``per_sample``; and dL/dt
        of each event of the layer below, None if it is not trainable. Exact in continuous time; on a grid
        straight-through (:func:`bats_dt.kernels.spike_gradients.spike_gradients`).

        Raises
        ------
        ValueError: errors of another shape.
        """
        errors = self._event_errors(errors)
        gradient, input_errors = self._carry_back(errors, self.events.batch if per_sample else 1)
        return gradient.transpose(0, 2, 1).reshape(-1, *self._weights_shape), input_errors

    def add_deltas(self, delta: np.ndarray) -> None:
        """Add ``delta``, of the weights' shape, to them. Raises ValueError for another shape, inf or nan."""
        delta = as_array(f"delta of layer {self.name!r}", delta)
        if delta.shape != self._weights_shape:
            raise ValueError(
                f"delta of layer {self.name!r} has shape {delta.shape}: pass {self._weights_shape}; a gradient's "
                "leading axis is removed by averaging over axis 0"
            )
        self._by_input += _by_input(self._cast("deltas", delta))

    @abstractmethod
    def _simulate(self, inputs: SpikeEvents, max_simulation: float) -> EmittedSpikes:
        """The spikes of the layer with its present ``max_n_spike``."""

    @abstractmethod
    def _carry_back(self, errors: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Gradient (parts, n_in, n_out), and errors of the events below, from those of the events emitted."""

    @property
    @abstractmethod
    def _weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights as users see them, (n_out, ...)."""

    @abstractmethod
    def _connections(self) -> str:
        """What the shape of the weights follows from, in words."""

    def _inputs(self) -> SpikeEvents:
        return self._previous_layer.events.astype(self._dtype)

    def _check_grid(self, grid: TimeGrid) -> None:
        if grid.dt > self._longest_response:
            raise ValueError(
                f"dt is {grid.dt} s, more than {LONGEST_RESPONSE} times the slowest time constant of "
                f"{self._longest_response / LONGEST_RESPONSE} s: nothing of a potential is left from one grid point "
                "to the next; pass a smaller dt"
            )
        if grid.rule == "published" and not self.neuron.closed_form:
            raise ValueError(
                f"rule 'published' with tau_mem = {self.neuron.tau_mem} s and tau_s = {self.neuron.tau_syn} s: it is "
                "defined by the closed form of tau_mem = 2 tau_s; leave tau_mem out, or pass rule 'snap' or 'detect'"
            )

    def _cast(self, name: str, array: np.ndarray) -> np.ndarray:
        """Real numbers in the precision of the weights, in which they must be finite."""
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} of layer {self.name!r} have dtype {array.dtype}: pass real numbers")
        with np.errstate(over="ignore"):  # refused below
            cast = array.astype(self._dtype, copy=False)
        finite(f"{name} of layer {self.name!r}", cast, "pass finite numbers")
        return cast


def _by_input(weights: np.ndarray) -> np.ndarray:
    """Weights (n_out, ...) as (n_in, n_out), a view where there can be one."""
    return weights.reshape(len(weights), -1).T
