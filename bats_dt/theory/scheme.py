"""The neuron that is stepped by dt, as a linear system in z (EQUATIONS B.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.lapack import dtbtrs

from bats_dt.checks import real_number
from bats_dt.clocked_neuron import DRIVES, ClockedNeuron, Coefficients
from bats_dt.discretization import SCHEMES
from bats_dt.theory.lif import LIF

_STEP = "a step must be finite and above 0; pass for example 0.001"


class _AnyStep(ClockedNeuron):
    """The constants of a clocked neuron with a dt that may be unstable: to be looked at, not to be run in a layer."""

    def __post_init__(self) -> None:
        pass


@dataclass(frozen=True)
class Stepped:
    """The neuron ``lif`` stepped by ``dt`` as :class:`bats_dt.layers.ClockedLIFLayer` does below its threshold.

        i[n+1] = p i[n] + a x[n],   u[n+1] = q u[n] + b i[n] + c x[n]

    x[n] is the sum of the weights that arrive in step n, from n dt on; u[n] and i[n] belong to the time n dt.

    Parameters
    ----------
    lif: the continuous neuron.
    dt: the step [s], any above 0; also where the scheme is unstable.
    scheme: one of `SCHEMES`.
    drive: "impulse" or "pulse", as in `ClockedNeuron`: a pulse's response is dt times an impulse's, and nothing else.

    Raises
    ------
    ValueError: a dt that is not finite and above 0; an unknown scheme or drive. TypeError: dt is no number.
    """

    lif: LIF
    dt: float
    scheme: str = "backward_euler"
    drive: str = "impulse"

    def __post_init__(self) -> None:
        dt = real_number("dt", self.dt, _STEP)
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"dt is {dt} s: {_STEP}")
        object.__setattr__(self, "dt", dt)
        for name, choices in (("scheme", SCHEMES), ("drive", DRIVES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: pass one of {', '.join(map(repr, choices))}")

    @property
    def coefficients(self) -> Coefficients:
        """p, q, a, b, c, in this order: those of `ClockedNeuron`."""
        return self._clocked.coefficients()

    @property
    def poles(self) -> tuple[float, float]:
        """q and p, the factors that a step keeps of u and of i."""
        return self.coefficients.keep_u, self.coefficients.keep_i

    @property
    def stable(self) -> bool:
        """Whether both poles lie inside the unit circle."""
        return max(map(abs, self.poles)) < 1

    @property
    def alternates(self) -> bool:
        """Whether a pole is negative: a decay that changes its sign from step to step."""
        return min(self.poles) < 0

    def transfer(self, z: Any) -> Any:
        """U(z)/X(z) = (a b/(z - p) + c)/(z - q); z complex, any shape."""
        p, q, a, b, c = self.coefficients
        return (a * b / (z - p) + c) / (z - q)

    def frequency_response(self, omega: Any) -> np.ndarray:
        """What stands for H(j Omega), complex; ``omega`` [rad/s], any shape, up to pi/dt.

        A signal b(t) is seen as one spike of weight b dt a step ("impulse"), or as b itself ("pulse"): the same, as a
        pulse is an impulse of area dt. For the exponential scheme it is [B12], the spectrum of the sampled response.

        Notes: the factor dt of [B12] keeps the area of the response, and with it |H| at low frequencies, not the
        energy as the thesis has it (that would be sqrt dt).
        """
        charge = self.dt if self.drive == "impulse" else 1.0
        return np.asarray(charge * self.transfer(np.exp(1j * np.asarray(omega, np.float64) * self.dt)))

    def run(self, x: Any) -> np.ndarray:
        """Potentials and currents (2, ..., n + 1) at 0, dt, ... n dt, from rest, for weights x (..., n) by step."""
        p, q, a, b, c = self.coefficients
        x = np.asarray(x, np.float64)
        start = np.zeros((*x.shape[:-1], 1))
        i = np.concatenate([start, _recursion(p, a * x)], axis=-1)
        u = np.concatenate([start, _recursion(q, b * i[..., :-1] + c * x)], axis=-1)
        return np.stack([u, i])

    def impulse_response(self, n_steps: int) -> np.ndarray:
        """u (n_steps + 1,) at 0, dt, ..., after a spike of weight 1 at 0."""
        return np.asarray(self.run(np.eye(1, n_steps)[0])[0])

    def n_steps(self, end: float) -> int:
        """Steps up to ``end`` [s], as a layer counts them: `ClockedNeuron.n_steps`."""
        return self._clocked.n_steps(end)

    def step_of(self, times: Any, n_steps: int) -> np.ndarray:
        """The step that takes each input, as a layer has it: `ClockedNeuron.steps_of`; ``n_steps`` for later ones."""
        return self._clocked.steps_of(np.asarray(times, np.float64), n_steps)

    @property
    def _clocked(self) -> ClockedNeuron:
        lif = self.lif
        return _AnyStep(self.dt, lif.tau_syn, lif.tau_mem, 1.0, lif.resistance, scheme=self.scheme, drive=self.drive)


def _recursion(kept: float, drive: np.ndarray) -> np.ndarray:
    """y[n] = kept y[n - 1] + drive[n], along the last axis: forward substitution in a matrix of two diagonals."""
    n = drive.shape[-1]
    band = np.stack([np.ones(n), np.full(n, -kept)])
    found, _ = dtbtrs(band, drive.reshape(-1, n).T, uplo="L", diag="U")
    return np.asarray(found.T.reshape(drive.shape))
