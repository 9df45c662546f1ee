"""The layer that holds the spikes given to the network."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt.checks import instance
from bats_dt.kernels.event_lists import event_lists
from bats_dt.layers.base import AbstractLayer
from bats_dt.spikes import SpikeEvents


class InputLayer(AbstractLayer):
    """Spikes from outside; silent inputs cost nothing in the layers above."""

    def __init__(self, n_neurons: int, name: str = "") -> None:
        super().__init__(n_neurons, name)
        self._events: SpikeEvents | None = None

    @property
    def trainable(self) -> bool:
        """False: errors stop here."""
        return False

    @property
    def events(self) -> SpikeEvents:
        """The spikes that were given."""
        if self._events is None:
            raise RuntimeError(f"input layer {self.name!r} has no spikes yet: call set_spike_trains or Network.forward")
        return self._events

    def set_spike_trains(self, times: Any, counts: Any) -> None:
        """Give it spikes.

        times: float (batch, n_neurons, slots) [s], rows ascending, inf where there is no spike.
        counts: integers (batch, n_neurons).

        Raises
        ------
        TypeError, ValueError: trains that are not as described; see :func:`bats_dt.kernels.event_lists.event_lists`.
        """
        shape = np.shape(times)
        if len(shape) == 3 and shape[1] != self.n_neurons:
            raise ValueError(
                f"spike times have shape {shape} but input layer {self.name!r} has {self.n_neurons} neurons: "
                f"pass ({shape[0]}, {self.n_neurons}, {shape[2]})"
            )
        self._events = event_lists(times, counts)

    def set_events(self, events: SpikeEvents) -> None:
        """Give it spikes that are sorted and listed already, by sample, then by (time, neuron, slot).

        That they are is not checked: padded trains of any origin go through :meth:`set_spike_trains`.

        Raises
        ------
        ValueError: they are of another number of neurons. TypeError: they are none.
        """
        instance("events", events, SpikeEvents, "pass bats_dt.spikes.SpikeEvents, or trains to set_spike_trains")
        if events.n_neurons != self.n_neurons:
            raise ValueError(
                f"the spikes are of {events.n_neurons} neurons but input layer {self.name!r} has {self.n_neurons}: "
                "pass those of as many neurons"
            )
        self._events = events

    def reset(self) -> None:
        """Forget the spikes."""
        self._events = None

    def forward(self, max_simulation: float, training: bool = False) -> None:
        """Nothing to simulate."""

    def backward(self, errors: np.ndarray, per_sample: bool = False) -> None:
        """Errors stop here."""
