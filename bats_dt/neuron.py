"""The leaky integrate-and-fire neuron of BATS and its constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bats_dt.checks import real_number


@dataclass(frozen=True)
class Neuron:
    """Constants of a layer of CuBa-LIF neurons with a soft reset (EQUATIONS A.1, A.5).

    Parameters
    ----------
    tau_syn: time constant of the synaptic current [s]; the membrane's is twice that.
    threshold: potential at which a spike is emitted.
    reset: potential taken away by a spike. It must be positive: a neuron that is not reset would fire
        without end.

    Raises
    ------
    ValueError: a constant is not finite and above 0. TypeError: it is no number.
    """

    tau_syn: float
    threshold: float
    reset: float

    def __post_init__(self) -> None:
        for name, (argument, unit, needed) in _CONSTANTS.items():
            value = real_number(argument, getattr(self, name), needed)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{argument} is {value}{unit}: {needed}")
            object.__setattr__(self, name, value)

    @property
    def tau_mem(self) -> float:
        """Time constant of the membrane [s], tau = 2 tau_s."""
        return 2.0 * self.tau_syn

    @property
    def c(self) -> float:
        """Threshold over tau [1/s], the letter c of EQUATIONS A.5."""
        return self.threshold / self.tau_mem

    @property
    def reset_over_tau(self) -> float:
        """What a spike takes from b at its own time [1/s] (EQUATIONS A.5)."""
        return self.reset / self.tau_mem


# The argument of a layer, its unit and what it must be.
_CONSTANTS = {
    "tau_syn": ("tau_s", " s", "a time constant must be finite and above 0; pass for example 0.13"),
    "threshold": ("theta", "", "the threshold must be finite and above 0, where the potential starts"),
    "reset": (
        "delta_theta",
        "",
        "a spike must lower the potential, or the neuron would fire without end; "
        "pass a finite value above 0, usually theta itself",
    ),
}
