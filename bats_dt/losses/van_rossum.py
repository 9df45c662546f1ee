"""Losses on whole spike trains: the distance of van Rossum (Neural Computation 13, 2001)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bats_dt.backend import array_module, as_array
from bats_dt.checks import class_labels, real_number
from bats_dt.losses.base import AbstractLoss, spike_trains, targets_of

_TAU = "pass the time constant of the distance [s], finite and above 0, for example half the simulated time"
_END = "pass the end of the interval compared [s], finite and above 0, for example the end of the simulation"


class VanRossumLoss(AbstractLoss):
    """Squared van Rossum distance of the spike trains to wanted ones, up to ``end``.

    A train with spikes at t_i is looked at as f(t) = sum_i H(t - t_i) exp(-(t - t_i)/tau), the wanted one as g, and

        L = sum over neurons of 1/tau int_0^end (f - g)^2 dt,   h = f - g,
        dL/dt_i = 2/tau ( 1/tau int_{t_i}^end h(t) exp(-(t - t_i)/tau) dt - (h(t_i-) + h(t_i+))/2 ).

    tau far below the spikes' distances: L counts the spikes, of either train, that coincide with none of the other.
    tau far above ``end``: L compares how many spikes there have been, at every moment. A spike costs less the later it
    comes, and nothing from ``end`` on, so that spikes nobody wants are moved out of the interval.

    Errors are *exact*. Where a spike is at the same time as a wanted one, or within four roundings of it in the times'
    own precision, L has a kink, of which the error is the mean of both sides. A neuron without spikes has no error,
    whatever is wanted of it.

    Targets: float (batch, n_neurons, any number of slots) [s], in any order, inf where no spike is wanted.

    Parameters
    ----------
    tau: time constant [s]. end: [s]; spikes and targets behind it count for nothing.

    Raises
    ------
    ValueError: a constant is not finite and above 0; targets of another shape, or negative; times that do not fit the
        counts. TypeError: a constant is no number; targets that are not floating point.
    """

    def __init__(self, tau: float, end: float) -> None:
        for name, value, needed in (("tau", tau, _TAU), ("end", end, _END)):
            number = real_number(name, value, needed)
            if not (math.isfinite(number) and number > 0):
                raise ValueError(f"{name} is {value} s: {needed}")
        self._tau, self._end = float(tau), float(end)

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The neuron with the most spikes, the lowest index of them, (batch,)."""
        return spike_trains(spike_times, spike_counts)[1].argmax(axis=1)

    def compute_loss_and_errors(
        self, spike_times: np.ndarray, spike_counts: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """L of each sample and dL/dt [1/s] of each spike, both of the dtype of the times.

        O((slots + targets) log(slots + targets)) a neuron.
        """
        xp = array_module()
        times, counts = spike_trains(spike_times, spike_counts)
        wanted = self._wanted(targets, counts.shape)
        at = xp.concatenate([times.astype(np.float64), wanted], axis=2).reshape(counts.size, -1).T
        order = xp.argsort(at, axis=0)
        signs = xp.where(order < times.shape[2], 1.0, -1.0)
        loss, by_time = self._walk(xp.take_along_axis(at, order, 0), signs, 4 * float(np.finfo(times.dtype).eps))
        errors = xp.take_along_axis(by_time, xp.argsort(order, axis=0), 0)
        errors = errors[: times.shape[2]].T.reshape(times.shape).astype(times.dtype)
        return loss.reshape(counts.shape).sum(axis=1).astype(times.dtype), errors

    def _walk(self, at: np.ndarray, signs: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """L of each column and the error of each event, from sorted times (events, columns) and signs of jumps of h.

        slack: part of a time by which a later one is still the same.
        """
        xp = array_module()
        inside = at <= self._end
        jumps = xp.where(inside, signs, 0.0)
        at = xp.where(inside, at, self._end)
        gaps = xp.diff(at, axis=0, append=xp.full_like(at[:1], self._end))
        gaps = xp.where(gaps > slack * at, gaps, 0.0)
        decays = xp.exp(-gaps / self._tau)
        areas = -xp.expm1(-2 * gaps / self._tau) / 2  # 1/tau int of exp(-2 t/tau) over a gap
        behind = xp.empty_like(at)  # h behind each event
        middle = xp.empty_like(at)  # its mean before and behind all events of that moment
        h = before = xp.zeros_like(at[0]) if len(at) else xp.zeros(at.shape[1])
        for m in range(len(at)):
            before = h if m == 0 else xp.where(gaps[m - 1] > 0, h, before)
            behind[m] = h + jumps[m]
            middle[m] = before
            h = behind[m] * decays[m]
        ahead = after = xp.zeros_like(h)  # 1/tau int of h exp(-(t - t_m)/tau) from an event on
        errors = xp.empty_like(at)
        for m in reversed(range(len(at))):
            after = xp.where(gaps[m] > 0, behind[m], after) if m < len(at) - 1 else behind[m]
            ahead = behind[m] * areas[m] + decays[m] * ahead
            errors[m] = 2 / self._tau * jumps[m] * (ahead - (middle[m] + after) / 2)
        return (behind**2 * areas).sum(axis=0), errors

    def _wanted(self, targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The wanted times [s], float64 (batch, n_neurons, targets a neuron)."""
        slots = np.shape(targets)[2] if np.ndim(targets) == 3 else 1
        return targets_of(targets, ((*shape, slots),), "seconds").astype(np.float64)


class VanRossumClassLoss(VanRossumLoss):
    """:class:`VanRossumLoss` with one train wanted of the label's neuron and another of all others.

    Targets: integer labels (batch,). The prediction is the class whose wanted trains are nearest.

    Parameters
    ----------
    true_times, false_times: the wanted spikes of the label's neuron and of each other one [s], any number.

    Raises
    ------
    ValueError: times that are negative or no number; otherwise as :class:`VanRossumLoss`, and labels that do not fit
        the batch or the number of classes. TypeError: labels are no integers.
    """

    def __init__(self, tau: float, end: float, *, true_times: Sequence[float], false_times: Sequence[float]) -> None:
        super().__init__(tau, end)
        trains = {"true_times": true_times, "false_times": false_times}
        self._slots = max(len(true_times), len(false_times))
        self._trains = np.full((2, self._slots), np.inf)  # of others, of the label
        for row, (name, train) in enumerate(reversed(trains.items())):
            for slot, time in enumerate(train):
                if not real_number(name, time, "pass times in seconds") >= 0:
                    raise ValueError(f"{name} holds {time}: pass times in seconds from the start, 0 or above")
                self._trains[row, slot] = time

    def predict(self, spike_times: np.ndarray, spike_counts: np.ndarray) -> np.ndarray:
        """The class with the least L, the lowest index of them (0 if all neurons are silent), (batch,).

        L of class c is, up to what all classes share, -2/tau int f_c (g_true - g_false) dt.
        """
        xp = array_module()
        times, _ = spike_trains(spike_times, spike_counts)
        at = times.astype(np.float64)
        likeness = xp.zeros(at.shape)
        for sign, train in zip((-1, 1), self._trains, strict=True):
            for wanted in train[train <= self._end]:
                near = xp.exp(-xp.abs(at - wanted) / self._tau) - xp.exp((at + wanted - 2 * self._end) / self._tau)
                likeness += sign / 2 * xp.where(at <= self._end, near, 0.0)
        return likeness.sum(axis=2).argmax(axis=1)

    def _wanted(self, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
        xp, (batch, n_classes) = array_module(), shape
        labels = class_labels(targets, batch, n_classes)
        is_label = labels[:, None] == xp.arange(n_classes)
        return as_array("wanted times", self._trains)[is_label.astype(np.int64)]
