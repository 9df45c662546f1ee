"""`lava-dt explain`: what a step does to one's own neuron."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import tyro

from runs.arguments.command import NO_DEFAULT, Command, Flag, OptionalPath

_Scheme = Literal["forward_euler", "backward_euler", "exponential", "bilinear"]
_SCHEMES: tuple[_Scheme, ...] = ("forward_euler", "backward_euler", "exponential", "bilinear")
_Number = Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explain(Command):
    """Tell what a step does to a neuron: stability, errors of each scheme, 12-bit decays, and how coarse it may be."""

    tau_mem: float
    """time constant of the membrane [s]"""
    tau_syn: float
    """time constant of the synaptic current [s]"""
    dt: Annotated[tyro.conf.UseAppendAction[tuple[float, ...]], tyro.conf.arg(help_behavior_hint="")]
    """a step [s]; give it several times to compare: --dt 0.001 --dt 0.004"""
    resistance: float = 1.0
    """R of tau_mem du/dt = -u + R i"""
    scheme: Annotated[tyro.conf.UseAppendAction[tuple[_Scheme, ...]], NO_DEFAULT] = ()
    """a scheme; give it several times for several (default: all four)"""
    error: float = 0.01
    """largest error of the response to a spike, as a share of its peak, for which a step is recommended"""
    population: Flag = False
    """also the density of a population under Poisson input, beside simulated neurons; needs --rate and --weight"""
    rate: _Number = None
    """spikes that reach a neuron of the population a second, from all its inputs"""
    weight: _Number = None
    """weight of such a spike"""
    threshold: _Number = None
    """potential at which neurons of the population spike (default: they do not)"""
    v_reset: _Number = None
    """where a spike leaves the potential, below the threshold (default: 0)"""
    seed: int = 0
    """of the simulated neurons"""
    out: OptionalPath = None
    """a directory for figures, as SVG and PNG"""

    def run(self) -> int:
        from bats_dt.theory import LIF
        from runs.explain.command import Inputs, explain

        lif = LIF(self.tau_mem, self.tau_syn, self.resistance)
        if not self.dt:
            raise ValueError("lava-dt explain needs a step: pass --dt SECONDS, several times to compare")
        inputs = None
        if self.population:
            if self.rate is None or self.weight is None:
                raise ValueError("--population needs --rate, the input spikes a second, and --weight, that of a spike")
            inputs = Inputs(self.rate, self.weight, self.threshold, self.v_reset or 0.0, self.seed)
        else:
            given = [name for name in ("rate", "weight", "threshold", "v_reset") if getattr(self, name) is not None]
            if given:
                flag = f"--{given[0].replace('_', '-')}"
                raise ValueError(
                    f"{flag} is of a population, which was not asked for: add --population, or leave it out"
                )
        return explain(lif, self.dt, self.scheme or _SCHEMES, self.error, inputs, self.out)
