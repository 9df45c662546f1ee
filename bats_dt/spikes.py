"""Spikes of one layer: a sorted list of events a sample, and the padded trains users see.

The arrays are those of the backend they were made under: NumPy's, or CuPy's for "cuda".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bats_dt.backend import array_module, as_array


@dataclass(frozen=True)
class SpikeEvents:
    """All spikes of a layer, sample after sample, each sample sorted by (time, neuron, slot).

    offsets: int64 (batch + 1,), events of sample s are ``offsets[s]:offsets[s + 1]``.
    times: float (n_events,) [s]. neurons, slots: int32 (n_events,): the spike is number ``slot`` of ``neuron``.
    n_neurons, n_slots: shape of the padded form, (batch, n_neurons, n_slots).
    """

    offsets: np.ndarray
    times: np.ndarray
    neurons: np.ndarray
    slots: np.ndarray
    n_neurons: int
    n_slots: int

    @property
    def batch(self) -> int:
        """Number of samples."""
        return len(self.offsets) - 1

    @cached_property
    def samples(self) -> np.ndarray:
        """int64 (n_events,): the sample of each event."""
        xp = array_module()
        if xp is np:  # whose repeat takes as many numbers as there are samples, where CuPy's takes one
            return np.repeat(np.arange(self.batch), np.diff(self.offsets))
        return xp.searchsorted(self.offsets, xp.arange(len(self.times)), side="right") - 1

    def counts(self) -> np.ndarray:
        """int32 (batch, n_neurons): number of spikes of each neuron."""
        cells = self.batch * self.n_neurons
        flat = array_module().bincount(self.samples * self.n_neurons + self.neurons, minlength=cells)
        return flat.astype(np.int32).reshape(self.batch, self.n_neurons)

    def to_trains(self) -> tuple[np.ndarray, np.ndarray]:
        """Padded times (batch, n_neurons, n_slots) [s], inf where there is no spike, and the counts."""
        return self.scatter(self.times, np.inf), self.counts()

    def scatter(self, values: np.ndarray, fill: float) -> np.ndarray:
        """Put one value an event into a padded array (batch, n_neurons, n_slots), ``fill`` elsewhere."""
        padded = array_module().full((self.batch, self.n_neurons, self.n_slots), fill, self.times.dtype)
        padded[self.samples, self.neurons, self.slots] = values
        return padded

    def gather(self, padded: np.ndarray) -> np.ndarray:
        """Take one value an event out of a padded array (batch, n_neurons, >= n_slots): (n_events,)."""
        return as_array("errors", padded)[self.samples, self.neurons, self.slots].astype(self.times.dtype)

    def astype(self, dtype: np.dtype) -> SpikeEvents:
        """The same events with times of another dtype."""
        if self.times.dtype == dtype:
            return self
        times = self.times.astype(dtype)
        return SpikeEvents(self.offsets, times, self.neurons, self.slots, self.n_neurons, self.n_slots)


@dataclass(frozen=True)
class EmittedSpikes:
    """What a layer emitted, and what its backward pass needs to know of each crossing of the threshold.

    events: the emitted spikes; the next three are aligned with them, (n_events,).
    last_input: int64, index of the last input event before the crossing.
    since_input: float [s], time from that event to the crossing.
    inverse_slope: float [s per unit of potential], 1 / (dV/dt) at the crossing, bounded. Exactly 0 marks a
        spike on a grid without a crossing of its own: its neuron stayed above the threshold after the spike
        before, so it follows that one at a distance of one step.
    lost: int64 (batch,), spikes that did not fit into the buffer.
    bounded: int64 (batch,), crossings that were near enough to tangential for their slope to be bounded.
    diverged: int64 (batch,), a neuron that would fire without reasonable end between two inputs, -1 if there is none;
        the spikes of such a sample are incomplete.
    reset_on_grid: whether the reset is at the emitted time, which is on a grid; otherwise it is at the crossing.
    """

    events: SpikeEvents
    last_input: np.ndarray
    since_input: np.ndarray
    inverse_slope: np.ndarray
    lost: np.ndarray
    bounded: np.ndarray
    diverged: np.ndarray
    reset_on_grid: bool
