"""Losses on the number of spikes."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import class_labels, real_number
from bats_dt.losses.base import AbstractLoss, spike_trains, targets_of

_SPIKES = "a number of spikes must be finite and 0 or above"


class SpikeCountLoss(AbstractLoss):
    """Half the squared distance of the counts to a target for each neuron.

    L = 1/2 sum (target - n)^2. A count cannot be differentiated; as in BATS, dn/dt = -1 for every spike of the neuron
    (earlier spikes mean more spikes), so dL/dt = target - n in all its slots: a *surrogate*. A silent neuron has no
    spike to move, whatever its target (:class:`bats_dt.SilentLabelRemedy` is for labels).

    Targets: float (batch, n_neurons), numbers of spikes, finite and 0 or above.

    Raises
    ------
    TypeError: targets are not floating point. ValueError: they have another shape, are negative or not finite; times
        do not fit the counts.
    """

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The neuron with the most spikes, the lowest index of them, (batch,)."""
        _, counts = spike_trains(spike_times, spike_counts)
        return counts.argmax(axis=1)

    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """L of each sample, and target - n in all slots of a neuron, both float32."""
        times, counts = spike_trains(spike_times, spike_counts)
        shortfall = self._wanted(targets, counts.shape) - counts.astype(np.float32)
        return 0.5 * (shortfall**2).sum(axis=1), shortfall[:, :, None].repeat(times.shape[2], axis=2)

    def _wanted(self, targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The wanted counts, float32 (batch, n_neurons)."""
        wanted = targets_of(targets, (shape,), "counts of spikes").astype(np.float32)
        if not array_module().isfinite(wanted).all():
            raise ValueError("a target is inf: pass a finite number of spikes")
        return wanted


class SpikeCountClassLoss(SpikeCountLoss):
    """:class:`SpikeCountLoss` with ``target_true`` spikes wanted of the label's neuron and ``target_false`` of others.

    Targets: integer labels (batch,).

    Raises
    ------
    ValueError: a target is negative or not finite; times do not fit the counts; labels do not fit
        the batch or the number of classes.
    TypeError: labels are not integers; a target is no number.
    """

    def __init__(self, target_true: float, target_false: float) -> None:
        for name, target in (("target_true", target_true), ("target_false", target_false)):
            number = real_number(name, target, _SPIKES)
            if not (math.isfinite(number) and number >= 0):
                raise ValueError(f"{name} is {target}: {_SPIKES}")
        self._target_true = float(target_true)
        self._target_false = float(target_false)

    def _wanted(self, targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        xp, (batch, n_classes) = array_module(), shape
        labels = class_labels(targets, batch, n_classes)
        wanted = xp.full(shape, self._target_false, np.float32)
        wanted[xp.arange(batch), labels] = self._target_true
        return wanted
