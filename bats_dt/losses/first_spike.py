"""The loss on which neuron fires first."""

from __future__ import annotations

import math

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import class_labels, real_number
from bats_dt.losses.base import AbstractLoss, spike_trains

_TAU = "pass the time constant of the softmax [s], finite and above 0, for example 0.005"
_SILENT_TIME = "pass the time [s] a silent label neuron is taken to fire at, finite and above 0"


class TTFSSoftmaxCrossEntropy(AbstractLoss):
    """Cross-entropy of a softmax over the times of first spikes: the earliest is the most likely class.

    With t_j the first spike of neuron j, p_j = exp(-t_j/tau) / sum_i exp(-t_i/tau) over the neurons that fire, and

        L = -ln p_label = (t_label - m)/tau + ln sum_i exp(-(t_i - m)/tau),   m = min_i t_i,
        dL/dt_j = ([j is the label] - p_j) / tau   in slot 0.

    Only differences of times enter, so nothing underflows however late the spikes are. All other slots have an error of
    exactly 0, and so have neurons that are silent. Targets: integer labels (batch,).

    Where spikes are missing L is a convention, finite and the larger the more wrong the sample:

    * a silent label neuron while others fire: t_label is ``silent_time``, or the time of the last neuron that fired
      plus tau if that is later. The errors take it as a constant: they push the others back, with p over those that
      fire. The label neuron has no spike to move (:class:`bats_dt.SilentLabelRemedy`).
    * no neuron fires: L = ln n_neurons, as for a guess. All errors are 0.

    Parameters
    ----------
    tau: time constant of the softmax [s]. silent_time: [s]; the default is the length of BATS's simulations.

    Raises
    ------
    ValueError: a constant is not finite and above 0; times do not fit the counts; labels do not fit the batch or the
        number of classes. TypeError: labels are not integers.

    Notes
    -----
    BATS computes exp(-t/tau) as such, which in float32 is 0 from t = 103 tau on, 0.52 s for tau = 5 ms: then the sample
    counts as all silent. Its L is inf for a silent label and nan for a silent sample; its ``predict`` gives one class a
    slot, not one a sample.
    """

    def __init__(self, tau: float, *, silent_time: float = 1.0) -> None:
        for name, value, needed in (("tau", tau, _TAU), ("silent_time", silent_time, _SILENT_TIME)):
            number = real_number(name, value, needed)
            if not (math.isfinite(number) and number > 0):
                raise ValueError(f"{name} is {value} s: {needed}")
        self._tau, self._silent_time = float(tau), float(silent_time)

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The neuron that fires first, the lowest index of them (0 if all are silent), (batch,)."""
        times, _ = spike_trains(spike_times, spike_counts)
        return times[:, :, 0].argmin(axis=1)

    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """L of each sample and dL/dt [1/s] of each spike, both of the dtype of the times."""
        xp = array_module()
        times, _ = spike_trains(spike_times, spike_counts)
        batch, n_neurons, _ = times.shape
        labels = class_labels(targets, batch, n_neurons)
        first = times[:, :, 0].astype(np.float64)
        fires = xp.isfinite(first)
        any_fires = fires.any(axis=1)
        earliest = xp.where(any_fires, xp.where(fires, first, math.inf).min(axis=1), 0)[:, None]
        last = xp.where(fires, first, 0).max(axis=1)
        terms = xp.where(fires, xp.exp((earliest - first) / self._tau), 0)  # exp(-inf) = 0, too
        total = xp.where(any_fires, terms.sum(axis=1), n_neurons)[:, None]
        rows = xp.arange(batch)
        labelled = xp.where(fires[rows, labels], first[rows, labels], xp.maximum(self._silent_time, last + self._tau))
        lateness = xp.where(any_fires, (labelled - earliest[:, 0]) / self._tau, 0)
        is_label = labels[:, None] == xp.arange(n_neurons)
        errors = xp.zeros(times.shape, times.dtype)
        errors[:, :, 0] = xp.where(fires, (is_label - terms / total) / self._tau, 0)
        return (lateness + xp.log(total[:, 0])).astype(times.dtype), errors
