"""The dense layer of leaky integrate-and-fire neurons that are stepped by a clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import instance, real_number
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.grid import TimeGrid
from bats_dt.kernels.clocked_gradients import clocked_gradients
from bats_dt.kernels.clocked_spikes import ClockedSpikes, clocked_spikes, clocked_traces
from bats_dt.layers.base import AbstractLayer
from bats_dt.layers.spiking import SpikingLayer
from bats_dt.spikes import SpikeEvents

_DURATION = "pass the seconds to simulate, at least one step, or None for as long as the network's simulation"


class ClockedLIFLayer(SpikingLayer):
    """LIF neurons observed and stepped at n dt only (EQUATIONS B.1, B.2), trained through their spike times (B.4).

    It stands in a network as a :class:`bats_dt.layers.LIFLayer` does, below and above layers of any kind: spikes come
    in at any time and are binned, an input at t acts from step floor(t/dt) on; spikes go out at n dt. One of a clocked
    layer below, at n dt, is first felt at (n + 1) dt. Memory and time are linear in the steps.

    Parameters
    ----------
    previous_layer: the layer below, of any kind.
    n_neurons: number of neurons. name: what the weights are stored under.
    dt: the step [s].
    tau_s, tau_mem: time constants of current and membrane [s].
    theta: threshold, u >= theta spikes. resistance: R of B.1; R = tau_mem tau_s gives the potential of ``LIFLayer``.
    v_reset, reset: "hard": a spike sets u to ``v_reset``; "soft": it takes theta - v_reset from it.
    scheme: "backward_euler" (the thesis's), "forward_euler", "exponential" (exact for input on the grid), "bilinear".
    drive: what a spike is, "impulse" (its charge is w whatever dt is) or "pulse" (1 for one step, as B.2 is printed).
    duration: end of its simulation [s]; None for that of the network. The earlier of the two holds.
    estimator: of the gradients' sums over time, "continuous" or "discrete" (B40).
    clamp: largest |dt/du| of a spike [s per unit of potential], None for 1000 tau_mem/theta.
    weight_initializer: called with (n_post, n_pre), returns the weights; None for zeros.
    max_n_spike: spikes kept for each neuron and sample; further ones reset the neuron and are counted as lost, and a
        warning is given the first time. None for all.
    dtype: float32, or float64 to check gradients.

    Attributes
    ----------
    neuron: its constants, a :class:`bats_dt.clocked_neuron.ClockedNeuron`.
    lost_spikes: number of spikes of the last forward pass that did not fit into the buffer.
    bounded_slopes: number of spikes of the last forward pass whose |dt/du| is clamped; ``clamped_share``: of how many.

    Raises
    ------
    ValueError: a constant out of its range, a dt with which the scheme is unstable, weights that do not fit.
    TypeError: an argument of another kind.
    """

    neuron: ClockedNeuron  # type: ignore[assignment]  # in the place of the event-driven neuron
    _emitted: ClockedSpikes | None  # type: ignore[assignment]

    def __init__(
        self,
        previous_layer: AbstractLayer,
        *,
        n_neurons: int,
        dt: float,
        tau_s: float,
        tau_mem: float,
        theta: float,
        resistance: float = 1.0,
        v_reset: float = 0.0,
        reset: str = "hard",
        scheme: str = "backward_euler",
        drive: str = "impulse",
        duration: float | None = None,
        estimator: str = "continuous",
        clamp: float | None = None,
        weight_initializer: Callable[[int, int], Any] | None = None,
        max_n_spike: int | None = None,
        name: str = "",
        dtype: Any = np.float32,
    ) -> None:
        instance("previous_layer", previous_layer, AbstractLayer, "pass the layer below, for example an InputLayer")
        neuron = ClockedNeuron(
            dt, tau_s, tau_mem, theta, resistance, v_reset, reset, scheme, drive, estimator, clamp,  # type: ignore[arg-type]
        )  # fmt: skip
        self._duration = math.inf if duration is None else real_number("duration", duration, _DURATION)
        if not self._duration > 0 or neuron.dt > self._duration:
            raise ValueError(f"duration is {self._duration} s with dt = {neuron.dt} s: {_DURATION}")
        self.keeps_all = max_n_spike is None
        self._steps = 0
        super().__init__(
            previous_layer, tau_s, theta, neuron.threshold - neuron.v_reset, weight_initializer,
            1 if max_n_spike is None else max_n_spike, TimeGrid(neuron.dt, "detect"), dtype, tau_mem, False,
            n_neurons=n_neurons, name=name,
        )  # fmt: skip
        self.neuron = neuron

    @property
    def dt(self) -> float:
        """The step [s]."""
        return self.neuron.dt

    @property
    def tau_s(self) -> float:
        """Time constant of the current [s]."""
        return self.neuron.tau_syn

    @property
    def tau_mem(self) -> float:
        """Time constant of the membrane [s]."""
        return self.neuron.tau_mem

    @property
    def theta(self) -> float:
        """The threshold."""
        return self.neuron.threshold

    @property
    def resistance(self) -> float:
        """R of EQUATIONS B.1."""
        return self.neuron.resistance

    @property
    def v_reset(self) -> float:
        """Where a spike leaves the potential."""
        return self.neuron.v_reset

    @property
    def reset_kind(self) -> str:
        """The argument ``reset``, "hard" or "soft"; ``reset()`` is what all layers have."""
        return self.neuron.reset

    @property
    def scheme(self) -> str:
        """How a step is made."""
        return self.neuron.scheme

    @property
    def duration(self) -> float:
        """End of its simulation [s], inf for that of the network."""
        return self._duration

    @property
    def max_n_spike(self) -> int:
        """Spikes kept for each neuron and sample; those of the last forward pass's steps if all are kept."""
        return max(self._steps, 1) if self.keeps_all else self._max_n_spike

    @property
    def clamped_share(self) -> float:
        """Share of the spikes of the last forward pass whose |dt/du| is clamped, 0 if there are none."""
        n_spikes = len(self.emitted.steps)
        return self.bounded_slopes / n_spikes if n_spikes else 0.0

    @property
    def emitted(self) -> ClockedSpikes:  # type: ignore[override]
        """Its spikes of the last forward pass, with what its backward pass needs."""
        return super().emitted  # type: ignore[return-value]

    def forward(self, max_simulation: float, training: bool = False) -> None:
        """Make floor(end/dt) steps, the end being ``max_simulation`` [s] or ``duration``, whichever is earlier.

        Raises
        ------
        ValueError: neither is finite; the end comes before the first step; weights that have diverged.
        """
        end = min(max_simulation, self._duration)
        if not math.isfinite(end):
            raise ValueError(
                f"layer {self.name!r} steps by a clock and needs an end: pass max_simulation [s] to forward, or "
                "duration to the layer"
            )
        self._steps = self.neuron.n_steps(end)
        super().forward(end, training)

    def traces(self) -> tuple[np.ndarray, np.ndarray]:
        """Currents and potentials (batch, n_steps, n_neurons) at (k + 1) dt of the last forward pass's input spikes.

        The potentials are those before the reset. They are computed anew, with the weights as they are.
        """
        if self._emitted is None:
            raise RuntimeError(f"layer {self.name!r} has not been simulated yet: call forward first")
        return clocked_traces(self._inputs(), self._by_input, self.neuron, self._steps)

    @property
    def _weights_shape(self) -> tuple[int, ...]:
        return self.n_neurons, self._previous_layer.n_neurons

    def _connections(self) -> str:
        return f"{self.n_neurons} neurons above {self._previous_layer.n_neurons}"

    def _inputs(self) -> SpikeEvents:
        """Spikes below; in float64, those in float32 that are within four roundings of the grid are put on it."""
        below, inputs = self._previous_layer.events.times, super()._inputs()
        if below.dtype == self._dtype or self._dtype == np.float32:
            return inputs
        xp, position = array_module(), inputs.times / self.dt
        nearest = xp.rint(position)
        on_grid = xp.abs(position - nearest) <= 4 * np.finfo(below.dtype).eps * xp.maximum(nearest, 1)
        return replace(inputs, times=xp.where(on_grid, nearest * self.dt, inputs.times))

    def _simulate(self, inputs: SpikeEvents, max_simulation: float) -> ClockedSpikes:  # type: ignore[override]
        return clocked_spikes(inputs, self._by_input, self.neuron, self._steps, self.max_n_spike)

    def _carry_back(self, errors: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray | None]:
        return clocked_gradients(
            errors, self.emitted, self._inputs(), self._by_input, self.neuron, self._steps, parts,
            self._previous_layer.trainable,
        )  # fmt: skip
