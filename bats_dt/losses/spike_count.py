"""Losses on the number of spikes."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.losses.base import AbstractLoss


class SpikeCountClassLoss(AbstractLoss):
    """Half the squared distance of the counts to ``target_true`` at the label and ``target_false`` elsewhere.

    L = 1/2 sum (target - n)^2. A count cannot be differentiated; as in BATS, dn/dt = -1 for every spike of the neuron
    (earlier spikes mean more spikes), so dL/dt = target - n in all its slots: a *surrogate*. The lowest index wins ties
    of ``predict``.

    Raises
    ------
    ValueError: a target is negative or not finite; times do not fit the counts; labels do not fit
        the batch or the number of classes.
    TypeError: labels are not integers.
    """

    def __init__(self, target_true: float, target_false: float) -> None:
        for name, target in (("target_true", target_true), ("target_false", target_false)):
            if not (math.isfinite(target) and target >= 0):
                raise ValueError(f"{name} is {target}: a number of spikes must be finite and 0 or above")
        self._target_true = float(target_true)
        self._target_false = float(target_false)

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The neuron with the most spikes, (batch,)."""
        return np.argmax(spike_counts, axis=1)

    def compute_loss(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """L of each sample, float32 (batch,). ``targets``: integer labels (batch,)."""
        return 0.5 * np.square(self._shortfall(spike_times, spike_counts, targets)).sum(axis=1)

    def compute_errors(self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """target - n in all slots of a neuron, float32 (batch, n_neurons, slots)."""
        shortfall = self._shortfall(spike_times, spike_counts, targets)
        return np.broadcast_to(shortfall[:, :, None], spike_times.shape).copy()

    def _shortfall(self, spike_times: np.ndarray, spike_counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """target - n, float32 (batch, n_neurons)."""
        labels = np.asarray(labels)
        if len(spike_times.shape) != 3 or spike_times.shape[:2] != spike_counts.shape:
            raise ValueError(
                f"spike times have shape {spike_times.shape} but spike counts {spike_counts.shape}: pass (batch, "
                "n_neurons, slots) and (batch, n_neurons), both of one forward pass"
            )
        batch, n_classes = spike_counts.shape
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels have dtype {labels.dtype}: pass integers")
        if labels.shape != (batch,):
            raise ValueError(f"labels have shape {labels.shape}: pass ({batch},), one a sample")
        if batch and not (labels.min() >= 0 and labels.max() < n_classes):
            raise ValueError(
                f"labels go from {labels.min()} to {labels.max()} but the output layer has {n_classes} neurons: "
                f"pass 0 to {n_classes - 1}"
            )
        targets = np.full((batch, n_classes), self._target_false, np.float32)
        targets[np.arange(batch), labels] = self._target_true
        return targets - spike_counts.astype(np.float32)
