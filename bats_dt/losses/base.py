"""What every loss offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class AbstractLoss(ABC):
    """A loss on the spike trains of the output layer.

    All methods take spike times (batch, n_neurons, slots) [s] with inf where there is no spike, spike counts
    (batch, n_neurons) and, but for ``predict``, the targets.
    """

    @abstractmethod
    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The predicted class of each sample, integers (batch,)."""

    @abstractmethod
    def compute_loss(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The loss of each sample, (batch,)."""

    @abstractmethod
    def compute_errors(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """dL/dt of each spike, (batch, n_neurons, slots)."""

    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both at once."""
        return (
            self.compute_loss(spike_times, spike_counts, targets),
            self.compute_errors(spike_times, spike_counts, targets),
        )
