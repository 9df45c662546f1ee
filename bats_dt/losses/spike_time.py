"""The loss on the times of spikes."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import real_number
from bats_dt.losses.base import AbstractLoss, spike_trains, targets_of

_SILENT_TIME = "pass the time [s] a silent neuron is taken to fire at, finite and above 0"


class SpikeTimeLoss(AbstractLoss):
    """Half the squared distance of spike times to their targets, L = 1/2 sum (target - t)^2 [s^2].

    Targets: float [s], 0 or above, inf where no spike is wanted: (batch, n_neurons), of the first spike of each neuron;
    or (batch, n_neurons, slots), of every one.

    A spike that is not there counts as one at ``silent_time``, and so does a target of inf: a neuron that ought to
    speak and is silent costs (target - silent_time)^2 / 2, one that is rightly silent nothing, and a spike that is not
    wanted nothing from ``silent_time`` on. dL/dt = t - target for the spikes that are there, exactly 0 for those that
    are not.

    Parameters
    ----------
    silent_time: [s]. BATS's constant of 1 s is the default; take the end of the simulation where that is later.

    Raises
    ------
    ValueError: a finite target later than ``silent_time``, which silence would meet; another shape; a negative target;
        times that do not fit the counts. TypeError: targets that are not floating point.

    Notes
    -----
    BATS takes the loss of the first slots but sets t - target in all slots, of which there is one in its experiments,
    writes 1 s over the caller's infinite targets, and pushes an unwanted spike after 1 s *earlier*.
    """

    def __init__(self, *, silent_time: float = 1.0) -> None:
        self._silent_time = real_number("silent_time", silent_time, _SILENT_TIME)
        if not (math.isfinite(self._silent_time) and self._silent_time > 0):
            raise ValueError(f"silent_time is {silent_time} s: {_SILENT_TIME}")

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The neuron whose first spike is the earliest, the lowest index of them (0 if all are silent), (batch,)."""
        times, _ = spike_trains(spike_times, spike_counts)
        return times[:, :, 0].argmin(axis=1)

    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """L of each sample [s^2] and dL/dt [s] of each spike, both of the dtype of the times."""
        xp = array_module()
        times, counts = spike_trains(spike_times, spike_counts)
        targets = targets_of(targets, (counts.shape, times.shape), "seconds").astype(np.float64)
        wanted = xp.isfinite(targets)
        if (targets[wanted] > self._silent_time).any():
            raise ValueError(
                f"targets go to {float(targets[wanted].max()):g} s but a silent neuron counts as one that fires at "
                f"{self._silent_time:g} s: pass SpikeTimeLoss(silent_time=...) above all targets"
            )
        if targets.ndim == 2:
            targets, wanted = targets[:, :, None], wanted[:, :, None]
        judged = times[:, :, : targets.shape[2]]
        there = xp.isfinite(judged)
        at = xp.where(there, judged.astype(np.float64), self._silent_time)
        lateness = at - xp.where(wanted, targets, self._silent_time)
        lateness = xp.where(wanted, lateness, xp.minimum(lateness, 0))
        errors = xp.zeros(times.shape, times.dtype)
        errors[:, :, : targets.shape[2]] = there * lateness
        return (0.5 * lateness**2).sum(axis=(1, 2)).astype(times.dtype), errors
