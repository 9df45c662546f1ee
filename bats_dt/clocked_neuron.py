"""The clock-driven leaky integrate-and-fire neuron and its constants (EQUATIONS B.1, B.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bats_dt.checks import real_number
from bats_dt.discretization import SCHEMES, kept
from bats_dt.neuron import Neuron

RESETS = ("hard", "soft")
DRIVES = ("impulse", "pulse")
ESTIMATORS = ("continuous", "discrete")
LEAST_SLOPE = 1e-3  # of theta/tau_mem: the default clamp is what bounds the event-driven layers' slopes, too


class Coefficients(NamedTuple):
    """One step, with x the sum of weights times spikes that arrive in it, before the threshold.

    i' = keep_i i + x_to_i x,   u' = keep_u u + i_to_u i + x_to_u x
    """

    keep_i: float
    keep_u: float
    x_to_i: float
    i_to_u: float
    x_to_u: float


class Adjoint(NamedTuple):
    """What the backward pass carries from step to step (:mod:`bats_dt.kernels.clocked_gradients`).

    keep, gain: S[k] = keep S[k+1] + gain dL/du[k], so that S[k + lag] is dL/dx of step k. edge: S/tau_syn - edge
    dL/du is dL/dt of an input of weight 1.
    """

    keep: float
    gain: float
    lag: int
    edge: float


@dataclass(frozen=True)
class ClockedNeuron:
    """Constants of a layer of neurons that are stepped by dt.

        tau_mem du/dt = -u + R i,   tau_syn di/dt = -i + sum_j w_j s_j(t)

    Between steps, from u = i = 0 at t = 0. Step k, from k dt to (k + 1) dt, takes the input spikes of that interval as
    one sum x at its beginning and ends with a spike if u >= threshold, at the time (k + 1) dt.

    Parameters
    ----------
    dt: the step [s].
    tau_syn, tau_mem: time constants of current and membrane [s].
    threshold: potential at and above which a step ends with a spike.
    resistance: R. With R = tau_mem tau_syn u is the potential of :class:`bats_dt.neuron.Neuron` (EQUATIONS A.1).
    v_reset: where a spike leaves the potential, below the threshold.
    reset: "hard": u <- v_reset. "soft": u <- u - (threshold - v_reset), which is the same where u is the threshold.
    scheme: how a step is made, see :meth:`coefficients`.
    drive: "impulse": s_j is a train of delta functions, i jumps by w/tau_syn whatever dt is (EQUATIONS A.2).
        "pulse": s_j is 1 for one step, as [B13, B14] are printed: i gains w dt/tau_syn, and the response to a spike
        shrinks with dt.
    estimator: of the sums over time in the backward pass [B40]: "continuous" or "discrete".
    clamp: largest 1/|du/dt| at a spike [s per unit of potential]; None for 1000 tau_mem/threshold.

    Raises
    ------
    ValueError: a constant out of its range; a dt with which the scheme is unstable. TypeError: it is no number.
    """

    dt: float
    tau_syn: float
    tau_mem: float
    threshold: float
    resistance: float = 1.0
    v_reset: float = 0.0
    reset: str = "hard"
    scheme: str = "backward_euler"
    drive: str = "impulse"
    estimator: str = "continuous"
    clamp: float = None  # type: ignore[assignment]  # becomes 1000 tau_mem/threshold

    def __post_init__(self) -> None:
        for name, (argument, unit, needed) in _POSITIVE.items():
            value = getattr(self, name)
            if name == "clamp" and value is None:
                value = self.tau_mem / (LEAST_SLOPE * self.threshold)
            value = real_number(argument, value, needed)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{argument} is {value}{unit}: {needed}")
            object.__setattr__(self, name, value)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: pass one of {', '.join(map(repr, choices))}")
        v_reset = real_number("v_reset", self.v_reset, _BELOW)
        if not (math.isfinite(v_reset) and v_reset < self.threshold):
            raise ValueError(f"v_reset is {v_reset} with theta = {self.threshold}: {_BELOW}")
        object.__setattr__(self, "v_reset", v_reset)
        limit = 2 * min(self.tau_mem, self.tau_syn)
        if self.scheme == "forward_euler" and not self.dt < limit:
            raise ValueError(
                f"dt is {self.dt} s but forward Euler is unstable from 2 min(tau_mem, tau_s) = {limit:g} s on: pass a "
                "smaller dt, or scheme 'backward_euler', 'exponential' or 'bilinear', which are stable with any"
            )

    @property
    def charge(self) -> float:
        """What a spike of weight 1 adds to the current: 1/tau_syn, or dt/tau_syn for a pulse."""
        return (self.dt if self.drive == "pulse" else 1.0) / self.tau_syn

    def coefficients(self) -> Coefficients:
        """One step of the scheme, with p, q the factors kept of i and u and j = i + charge x:

        forward Euler [B13]:    i' = p i + charge x,  u' = q u + (dt R/tau_mem) i
        backward Euler [B14]:   i' = p j,             u' = q (u + (dt R/tau_mem) i')
        exponential:            i' = p j,             u' = q u + (R/tau_mem) g(dt) j, exact (g: the response of A.1)
        bilinear:               i' = p j,             u' = q u + (dt R/(2 tau_mem + dt)) (j + i')
        """
        p, q = kept(self.dt / self.tau_syn, self.scheme), kept(self.dt / self.tau_mem, self.scheme)
        if self.scheme == "forward_euler":
            return Coefficients(p, q, self.charge, self._gain(1.0), 0.0)
        return Coefficients(p, q, p * self.charge, self._gain(p), self._gain(p) * self.charge)

    def adjoint(self) -> Adjoint:
        """Sums of the backward pass, by the scheme's own decay of the current or by the continuous one."""
        p = kept(self.dt / self.tau_syn, self.scheme if self.estimator == "discrete" else "exponential")
        gain = self._gain(p)
        if self.scheme == "forward_euler" and self.estimator == "continuous":
            gain *= p  # the current that is seen in step k + 1 has decayed for one step
        edge = self.charge * self.resistance / self.tau_mem * kept(self.dt / self.tau_mem, self.scheme)
        return Adjoint(p, gain * self.charge, int(self.scheme == "forward_euler"), edge)

    def n_steps(self, end: float) -> int:
        """Steps up to ``end`` [s], floor(end/dt); an end within rounding of a grid point includes it."""
        position = end / self.dt
        nearest = round(position)
        return nearest if abs(position - nearest) <= 1e-9 * max(nearest, 1) else math.floor(position)

    def steps_of(self, times: Any, n_steps: int) -> np.ndarray:
        """The step that takes each input, floor(t/dt), int32; ``n_steps`` for those that come after the last.

        ``times``: float32 or float64 [s], any shape. One within four roundings of a grid point is on it.
        """
        position = np.asarray(times, np.float64) / self.dt
        nearest = np.rint(position)
        on_grid = np.abs(position - nearest) <= 4 * np.finfo(times.dtype).eps * np.maximum(nearest, 1)
        return np.minimum(np.where(on_grid, nearest, np.floor(position)), n_steps).astype(np.int32)

    def _gain(self, p: float) -> float:
        """What a current of 1 at the beginning of a step that keeps p of it adds to u."""
        ratio = self.dt / self.tau_mem
        if self.scheme == "forward_euler":
            return self.resistance * ratio
        if self.scheme == "backward_euler":
            return self.resistance * ratio / (1 + ratio) * p
        if self.scheme == "bilinear":
            return self.resistance * ratio / (2 + ratio) * (1 + p)
        return self.resistance / self.tau_mem * Neuron(self.tau_syn, 1.0, 1.0, self.tau_mem).response(self.dt)


_TIME = "a time constant must be finite and above 0; pass for example 0.13"
_BELOW = "a spike must leave the potential below the threshold; pass a finite value below theta"
# The argument of a layer, its unit and what it must be.
_POSITIVE = {
    "dt": ("dt", " s", "a step must be finite and above 0; pass for example 0.01"),
    "tau_syn": ("tau_s", " s", _TIME),
    "tau_mem": ("tau_mem", " s", _TIME),
    "threshold": ("theta", "", "the threshold must be finite and above 0, where the potential starts"),
    "resistance": ("resistance", "", "it must be finite and above 0; the sign of a synapse is that of its weight"),
    "clamp": (
        "clamp", " s",
        "the bound on |dt/du| at a spike must be finite and above 0; pass None for 1000 tau_mem/theta",
    ),
}  # fmt: skip
_CHOICES = {"reset": RESETS, "scheme": SCHEMES, "drive": DRIVES, "estimator": ESTIMATORS}
