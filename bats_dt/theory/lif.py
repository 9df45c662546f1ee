"""The continuous neuron as a linear system: transfer function, poles, frequency response (EQUATIONS B.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bats_dt.checks import real_number

_TIME = "a time constant must be finite and above 0; pass for example 0.02"
_NEEDED = {
    "tau_mem": (" s", _TIME),
    "tau_syn": (" s", _TIME),
    "resistance": ("", "it must be finite and above 0; the sign of a synapse is that of its weight"),
}


@dataclass(frozen=True)
class LIF:
    """A leaky integrate-and-fire neuron below its threshold, driven by b(t) = sum_j w_j s_j(t).

        tau_mem du/dt = -u + R i,   tau_syn di/dt = -i + b
        u'' + (1/tau_syn + 1/tau_mem) u' + u/(tau_syn tau_mem) = R b/(tau_mem tau_syn)

    Parameters
    ----------
    tau_mem, tau_syn: time constants of membrane and current [s]; they may be equal.
    resistance: R.

    Raises
    ------
    ValueError: a constant that is not finite and above 0. TypeError: it is no number.
    """

    tau_mem: float
    tau_syn: float
    resistance: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            unit, needed = _NEEDED[field.name]
            value = real_number(field.name, getattr(self, field.name), needed)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} is {value}{unit}: {needed}")
            object.__setattr__(self, field.name, value)

    @property
    def matrix(self) -> np.ndarray:
        """A of d(u, i)/dt = A (u, i) between spikes, (2, 2) [1/s]."""
        return np.array([[-1 / self.tau_mem, self.resistance / self.tau_mem], [0.0, -1 / self.tau_syn]])

    @property
    def poles(self) -> tuple[float, float]:
        """-1/tau_mem and -1/tau_syn [1/s]: the rates at which u and i decay."""
        return -1 / self.tau_mem, -1 / self.tau_syn

    @property
    def damping_ratio(self) -> float:
        """zeta = (tau_mem + tau_syn)/(2 sqrt(tau_mem tau_syn)) [B10]: 1 for equal time constants, else above."""
        return (self.tau_mem + self.tau_syn) / (2 * math.sqrt(self.tau_mem * self.tau_syn))

    @property
    def natural_frequency(self) -> float:
        """omega_n = 1/sqrt(tau_mem tau_syn) [rad/s] [B10]."""
        return 1 / math.sqrt(self.tau_mem * self.tau_syn)

    @property
    def bandwidth(self) -> float:
        """Omega at which |H| has fallen to R/sqrt 2, -3 dB [rad/s].

        (1 + a x)(1 + b x) = 2 for x = Omega^2, a = tau_mem^2 and b = tau_syn^2.
        """
        a, b = self.tau_mem**2, self.tau_syn**2
        return math.sqrt(2 / (a + b + math.sqrt((a + b) ** 2 + 4 * a * b)))

    def membrane(self, s: Any) -> Any:
        """G(s) = R/(tau_mem s + 1), from the current to the potential [B2]; s [1/s], complex, any shape."""
        return self.resistance / (self.tau_mem * s + 1)

    def transfer(self, s: Any) -> Any:
        """G(s)/(tau_syn s + 1), from the input b to the potential; s [1/s], complex, any shape."""
        return self.membrane(s) / (self.tau_syn * s + 1)

    def frequency_response(self, omega: Any) -> np.ndarray:
        """H(j Omega) = R/((tau_mem j Omega + 1)(tau_syn j Omega + 1)) [B11], complex; omega [rad/s], any shape."""
        return np.asarray(self.transfer(1j * np.asarray(omega, np.float64)))
