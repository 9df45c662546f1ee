"""The yardstick of `lava-dt bench bats`: the published BATS on a CPU, whose own kernels need a GPU.

A network of fully connected layers, written from the description of those kernels and kept as they are: padded trains,
scalar loops, every sample's gradient in memory before the mean is taken. bats_dt's spikes are compared with its spikes
before anything is timed. It shares loss and optimizer with bats_dt, so that a ratio is that of the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt.kernels.threads import run_pieces
from runs.bench.bats import literal_kernels as kernels

Array = npt.NDArray[Any]


class LiteralLayer:
    """LIF neurons that see every neuron of the layer below: tau = 2 tau_s, soft reset by the threshold.

    Args:
        weights: float32 (n_post, n_pre).
        tau_s: synaptic time constant in seconds.
        threshold: of the potential, and what a spike takes from it.
        slots: spikes kept for each neuron; a neuron whose slots are full falls silent.

    After `forward`, `times` (batch, n_post, slots) in seconds with inf where no spike is and `counts` (batch, n_post).
    """

    def __init__(self, weights: Array, tau_s: float, threshold: float, slots: int) -> None:
        self.weights = np.array(weights, np.float32, order="C")
        self._tau_s, self._tau = np.float32(tau_s), np.float32(2 * tau_s)
        self._c = self._reset = np.float32(threshold / (2 * tau_s))
        self._slots = slots
        self.times: Array = np.empty((0, 0, 0), np.float32)
        self.counts: Array = np.empty((0, 0), np.int32)

    def forward(self, times: Array, counts: Array, limit: float) -> None:
        """Simulates up to `limit` seconds the response to float32 trains (batch, n_pre, slots) with their counts."""
        batch, n_pre, slots = times.shape
        self._inputs = times
        self._exp_s, self._exp_m = np.exp(times / self._tau_s), np.exp(times / self._tau)
        most = int(counts.sum(axis=1).max(initial=0))
        flat, order = times.reshape(batch, -1), np.empty((batch, n_pre * slots), np.int64)

        def sort(first: int, end: int) -> None:
            order[first:end] = np.argsort(flat[first:end], axis=1, kind="stable")

        run_pieces(batch, sort)
        order = np.ascontiguousarray(order[:, :most])
        n_post = len(self.weights)
        gathered = np.empty((batch, n_post, most), np.float32)
        run_pieces(batch, lambda first, end: kernels.gather_weights(first, end, order, self.weights, slots, gathered))
        listed = [
            np.take_along_axis(values.reshape(batch, -1), order, axis=1) for values in (times, self._exp_s, self._exp_m)
        ]
        shape = (batch, n_post, self._slots)
        self._a, self._x = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.times, self._e = np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32)
        self.counts = np.zeros((batch, n_post), np.int32)
        end_of_time = np.float32(limit)
        run_pieces(
            batch,
            lambda first, end: kernels.spike_times(
                first, end, *listed, gathered, self._c, self._reset, self._tau, end_of_time, self.counts,
                self._a, self._x, self.times, self._e,
            ),
        )  # fmt: skip

    def backward(self, errors: Array, passes_on: bool) -> tuple[Array, Array | None]:
        """Gradient (n_post, n_pre), the mean over the batch, and errors of the input spikes if they are passed on.

        `errors`: dL/dt (batch, n_post, slots), overwritten.
        """
        batch, n_post = self.counts.shape
        f1, f2 = np.zeros_like(self.times), np.zeros_like(self.times)
        run_pieces(
            batch,
            lambda first, end: kernels.factors(
                first, end, self.counts, self._a, self._x, self._e, self._c, self._reset, self._tau, errors, f1, f2
            ),
        )
        inputs = self._inputs, self._exp_s, self._exp_m
        spikes = self.counts, self.times, errors, f1, f2
        gradient = np.empty((batch, *self.weights.shape), np.float32)
        run_pieces(batch, lambda first, end: kernels.weight_gradients(first, end, *inputs, *spikes, gradient))
        mean = np.empty_like(self.weights)
        run_pieces(n_post, lambda first, end: kernels.mean_of_samples(first, end, gradient, mean))
        if not passes_on:
            return mean, None
        by_neuron = np.empty((*self._inputs.shape, n_post), np.float32)
        run_pieces(
            batch,
            lambda first, end: kernels.input_errors(
                first, end, *inputs, self._tau_s, self._tau, self.weights, *spikes, by_neuron
            ),
        )
        return mean, by_neuron.sum(axis=3)


class LiteralNetwork:
    """Layers on top of each other, with what `bats_dt.Network` needs of a training step."""

    def __init__(self, layers: Sequence[LiteralLayer]) -> None:
        self.layers = list(layers)

    @property
    def output_spike_trains(self) -> tuple[Array, Array]:
        """Times (batch, n, slots) in seconds and counts (batch, n) of the last layer."""
        return self.layers[-1].times, self.layers[-1].counts

    def forward(self, times: Array, counts: Array, limit: float) -> None:
        """Simulates all layers up to `limit` seconds."""
        for layer in self.layers:
            layer.forward(times, counts, limit)
            times, counts = layer.times, layer.counts

    def backward(self, errors: Array) -> list[Array]:
        """The batch mean of every layer's gradient, (1, n_post, n_pre), from dL/dt (batch, n, slots), overwritten."""
        gradients: list[Array] = []
        for layer in reversed(self.layers):
            gradient, below = layer.backward(errors, passes_on=layer is not self.layers[0])
            gradients.insert(0, gradient[None])
            errors = errors if below is None else below
        return gradients

    def apply_deltas(self, deltas: Sequence[Array]) -> None:
        """Adds one delta a layer to the weights."""
        for layer, delta in zip(self.layers, deltas, strict=True):
            layer.weights += delta
