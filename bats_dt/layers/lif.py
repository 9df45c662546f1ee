"""The dense layer of leaky integrate-and-fire neurons."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bats_dt.checks import finite, instance, whole_number
from bats_dt.grid import TimeGrid
from bats_dt.kernels.spike_gradients import spike_gradients
from bats_dt.kernels.spike_times import spike_times
from bats_dt.layers.base import AbstractLayer
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

LONGEST_RESPONSE = 30  # membrane time constants after which a potential is lost in rounding


class LIFLayer(AbstractLayer):
    """LIF neurons that see every neuron of the layer below, simulated exactly (EQUATIONS A.5) or on a grid (A.6).

    Parameters
    ----------
    previous_layer: the layer below.
    tau_s: synaptic time constant [s]; the membrane's is twice that.
    theta: threshold. delta_theta: what a spike takes from the potential.
    weight_initializer: called with (n_post, n_pre), returns the weights; None for zeros.
    max_n_spike: spikes kept for each neuron and sample; further ones reset the neuron and are counted as lost.
    n_neurons: number of neurons. name: what the weights are stored under.
    grid: the times its spikes may take; None for continuous time, as BATS.
    dtype: float32, or float64 to check gradients.

    Attributes
    ----------
    lost_spikes: number of spikes of the last forward pass that did not fit into the buffer. The first time there
        are any a warning is given (not for max_n_spike = 1, where keeping only the first spike is the code).
    bounded_slopes: number of crossings of the last forward pass that were so near to tangential that their gradient
        is bounded.

    Raises
    ------
    ValueError: a constant out of its range, or weights that do not fit. TypeError: an argument of another kind.
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
    ) -> None:
        super().__init__(n_neurons, name)
        instance("previous_layer", previous_layer, AbstractLayer, "pass the layer below, an InputLayer or a LIFLayer")
        instance("grid", grid, TimeGrid | None, f"pass TimeGrid({grid}), or None for continuous time")
        instance(
            "weight_initializer", weight_initializer, Callable | None,
            "pass a function of (n_post, n_pre) that returns the weights, for example lambda n_post, n_pre: weights",
        )  # fmt: skip
        self.neuron = Neuron(tau_s, theta, delta_theta)
        if grid is not None and grid.dt > LONGEST_RESPONSE * self.neuron.tau_mem:
            raise ValueError(
                f"dt is {grid.dt} s, more than {LONGEST_RESPONSE} membrane time constants of {self.neuron.tau_mem} s: "
                "nothing of a potential is left from one grid point to the next; pass a smaller dt"
            )
        self.grid = grid
        self.max_n_spike = whole_number(
            "max_n_spike", max_n_spike, "the buffer needs room for at least 1 spike a neuron, a whole number"
        )
        self._previous_layer = previous_layer
        self._dtype = np.dtype(dtype)
        if self._dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self._dtype}: pass float32 or float64")
        self._emitted: EmittedSpikes | None = None
        self._warned = False
        self._by_input = np.zeros((previous_layer.n_neurons, self.n_neurons), self._dtype)
        if weight_initializer is not None:
            self.weights = weight_initializer(self.n_neurons, previous_layer.n_neurons)

    @property
    def previous_layer(self) -> AbstractLayer:
        """The layer below."""
        return self._previous_layer

    @property
    def trainable(self) -> bool:
        """True."""
        return True

    @property
    def weights(self) -> np.ndarray:
        """Weights (n_post, n_pre): a view, as rows of inputs are what is contiguous in memory."""
        return self._by_input.T

    @weights.setter
    def weights(self, weights: Any) -> None:
        weights = np.asarray(weights)
        n_post, n_pre = self.n_neurons, self._previous_layer.n_neurons
        if weights.shape != (n_post, n_pre):
            raise ValueError(
                f"weights of layer {self.name!r} have shape {weights.shape} but it has {n_post} neurons above "
                f"{n_pre}: pass ({n_post}, {n_pre})"
            )
        self._by_input = np.array(self._cast("weights", weights).T, order="C")

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
            latest_spike = last_input + LONGEST_RESPONSE * self.neuron.tau_mem
            self.grid.check_span(max_simulation, latest_spike, self._dtype)
        self._emitted = spike_times(inputs, self._by_input, self.neuron, max_simulation, self.max_n_spike, self.grid)
        if self.max_n_spike > 1 and not self._warned and self._emitted.lost.any():
            self._warned = True
            warnings.warn(
                f"layer {self.name!r} lost {self.lost_spikes} spikes: max_n_spike = {self.max_n_spike} is too small "
                "for some neurons (see lost_spikes; this is said once)",
                RuntimeWarning,
                stacklevel=2,
            )

    def backward(self, errors: np.ndarray, per_sample: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Gradient of the weights, and errors of the layer below.

        errors: dL/dt, padded (batch, n_neurons, slots) or one an event (n_events,), in the order of ``events``.

        Returned: dL/dw (1, n_post, n_pre) summed over the batch, (batch, n_post, n_pre) if ``per_sample``; and dL/dt
        of each event of the layer below, None if it is not trainable. Exact in continuous time; on a grid
        straight-through (:func:`bats_dt.kernels.spike_gradients.spike_gradients`).

        Raises
        ------
        ValueError: errors of another shape.
        """
        inputs = self._inputs()
        gradient, input_errors = spike_gradients(
            self._event_errors(np.asarray(errors)), self.emitted, inputs, self._by_input, self.neuron,
            inputs.batch if per_sample else 1, self._previous_layer.trainable,
        )  # fmt: skip
        return gradient.transpose(0, 2, 1), input_errors

    def add_deltas(self, delta: np.ndarray) -> None:
        """Add ``delta`` (n_post, n_pre) to the weights. Raises ValueError for another shape, inf or nan."""
        delta = np.asarray(delta)
        if delta.shape != self.weights.shape:
            raise ValueError(
                f"delta of layer {self.name!r} has shape {delta.shape}: pass {self.weights.shape}; a gradient's "
                "leading axis is removed by averaging over axis 0"
            )
        self._by_input += self._cast("deltas", delta).T

    def _cast(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array in the precision of the weights, in which it must be finite."""
        with np.errstate(over="ignore"):  # refused below
            cast = array.astype(self._dtype, copy=False)
        finite(f"{name} of layer {self.name!r}", cast, "pass finite numbers")
        return cast

    def _inputs(self) -> SpikeEvents:
        return self._previous_layer.events.astype(self._dtype)

    def _event_errors(self, errors: np.ndarray) -> np.ndarray:
        events = self.events
        if errors.ndim == 1 and errors.shape == events.times.shape:
            return errors
        shape = (events.batch, events.n_neurons, events.n_slots)
        if errors.shape != shape:
            raise ValueError(f"errors of layer {self.name!r} have shape {errors.shape}: pass {shape}, one a spike slot")
        return events.gather(errors)
