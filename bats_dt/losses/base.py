"""What every loss offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from bats_dt.backend import as_array


class AbstractLoss(ABC):
    """A loss on the spike trains of the output layer.

    All methods take spike times (batch, n_neurons, slots) [s] with inf where there is no spike, spike counts
    (batch, n_neurons) and, but for ``predict``, the targets. None of them is modified. Arrays are those of the chosen
    backend; NumPy's are taken too.
    """

    @abstractmethod
    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The predicted class of each sample, integers (batch,)."""

    @abstractmethod
    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each sample, (batch,), and dL/dt of each spike, (batch, n_neurons, slots)."""

    def compute_loss(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The loss of each sample alone."""
        return self.compute_loss_and_errors(spike_times, spike_counts, targets)[0]

    def compute_errors(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """dL/dt of each spike alone."""
        return self.compute_loss_and_errors(spike_times, spike_counts, targets)[1]


def spike_trains(spike_times: Any, spike_counts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times and counts as arrays of the backend. Raises ValueError if their shapes do not belong together."""
    times, counts = as_array("spike times", spike_times), as_array("spike counts", spike_counts)
    if times.ndim != 3 or times.shape[:2] != counts.shape:
        raise ValueError(
            f"spike times have shape {times.shape} but spike counts {counts.shape}: pass (batch, n_neurons, slots) and "
            "(batch, n_neurons), both of one forward pass"
        )
    return times, counts


def targets_of(targets: Any, shapes: tuple[tuple[int, ...], ...], unit: str) -> np.ndarray:
    """Targets as an array of the backend.

    Raises
    ------
    TypeError: they are no floating point numbers. ValueError: they have none of the ``shapes``, or one is negative or
        not a number.
    """
    targets = as_array("targets", targets)
    if targets.dtype.kind != "f":
        raise TypeError(f"targets have dtype {targets.dtype}: pass floating point numbers, {unit}")
    if targets.shape not in shapes:
        raise ValueError(f"targets have shape {targets.shape}: pass {' or '.join(map(str, shapes))}, {unit}")
    if not (targets >= 0).all():
        raise ValueError(f"a target is negative or not a number: pass {unit}, 0 or above")
    return targets
