"""The leaky integrate-and-fire neuron of BATS and its constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bats_dt.checks import real_number


@dataclass(frozen=True)
class Neuron:
    """Constants of a layer of CuBa-LIF neurons with a soft reset (EQUATIONS A.1, A.5).

        dI/dt = -I/tau_syn + sum_i w_i (spikes of i)
        dV/dt = -V/tau_mem + I - reset (own spikes)

    Between spikes, with V and I the potential and the current at its beginning, after s seconds

        I(s) = I exp(-s/tau_syn),   V(s) = exp(-s/tau_mem) V + g(s) I,
        g(s) = exp(-s/tau_mem) (1 - exp(-delta s)) / delta,   delta = 1/tau_syn - 1/tau_mem,

    where g(s) = s exp(-s/tau_mem) for tau_mem = tau_syn. V(s) has one extremum at most.

    Parameters
    ----------
    tau_syn: time constant of the synaptic current [s].
    threshold: potential at which a spike is emitted.
    reset: potential taken away by a spike. It must be positive: a neuron that is not reset would fire
        without end.
    tau_mem: time constant of the membrane [s], anything above 0; None for 2 tau_syn, as BATS has it, whose crossings
        have a closed form.

    Raises
    ------
    ValueError: a constant is not finite and above 0. TypeError: it is no number.
    """

    tau_syn: float
    threshold: float
    reset: float
    tau_mem: float = None  # type: ignore[assignment]  # becomes 2 tau_syn

    def __post_init__(self) -> None:
        for name, (argument, unit, needed) in _CONSTANTS.items():
            given = getattr(self, name)
            if name == "tau_mem" and given is None:
                given = 2.0 * self.tau_syn
            value = real_number(argument, given, needed)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{argument} is {value}{unit}: {needed}")
            object.__setattr__(self, name, value)

    @property
    def closed_form(self) -> bool:
        """Whether its crossings have a closed form: tau_mem is twice tau_syn."""
        return self.tau_mem == 2.0 * self.tau_syn

    @property
    def delta(self) -> float:
        """1/tau_syn - 1/tau_mem [1/s], of either sign, 0 for equal time constants."""
        return 1.0 / self.tau_syn - 1.0 / self.tau_mem

    def response(self, since: float) -> float:
        """g(s): the potential s seconds after one input spike of weight 1."""
        delta = abs(self.delta)  # g is symmetric in the time constants: with the slower one outside nothing overflows
        rise = -math.expm1(-delta * since) / delta if delta else since
        return math.exp(-since / max(self.tau_mem, self.tau_syn)) * rise

    @property
    def c(self) -> float:
        """Threshold over tau [1/s], the letter c of EQUATIONS A.5."""
        return self.threshold / self.tau_mem

    @property
    def reset_over_tau(self) -> float:
        """What a spike takes from b at its own time [1/s] (EQUATIONS A.5)."""
        return self.reset / self.tau_mem


_TIME = "a time constant must be finite and above 0; pass for example 0.13"
# The argument of a layer, its unit and what it must be.
_CONSTANTS = {
    "tau_syn": ("tau_s", " s", _TIME),
    "threshold": ("theta", "", "the threshold must be finite and above 0, where the potential starts"),
    "reset": (
        "delta_theta",
        "",
        "a spike must lower the potential, or the neuron would fire without end; "
        "pass a finite value above 0, usually theta itself",
    ),
    "tau_mem": ("tau_mem", " s", _TIME),
}
