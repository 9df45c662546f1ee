"""`SoftResetLIF` and `HeldLIF`."""

from __future__ import annotations

from typing import Any, get_args

from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.variable import Var
from lava.proc.lif.process import LIF

from lava_dt.export.processes.refusable import Refusable
from lava_dt.export.processes.steps import GridSteps, Resets
from lava_dt.timestep import Between, Reset


class SoftResetLIF(Refusable, LIF):
    """lava-nc's LIF, but a spike lowers the voltage by the threshold instead of zeroing it [A13].

        u[t] = (1 - du) u[t-1] + a_in[t]
        v[t] = (1 - dv) v[t-1] + u[t] + bias
        s[t] = v[t] > vth,       v[t] <- v[t] - vth s[t]

    One spike a step at most: what is left above the threshold spikes again. For the simulation only: Loihi's built-in
    neuron has no such reset, and whether Loihi 2's microcode runs it was not tried.

    Args:
        shape, u, v, du, dv, bias_mant, bias_exp, vth: those of `lava.proc.lif.process.LIF`.
        reset_interval, reset_offset: those of `lava.proc.lif.process.LIFReset`: u and v are zeroed before the steps
            that are reset_offset + a multiple of reset_interval; None: never.

    Raises:
        ValueError: an interval below 1.
    """

    def __init__(self, *, reset_interval: int | None = None, reset_offset: int = 0, **parameters: Any) -> None:
        resets = Resets(reset_interval, reset_offset)
        super().__init__(**parameters, resets=resets)


class HeldLIF(Refusable, LIF):
    """A LIF neuron of a step of dt that lives among fine steps (EQUATIONS A.3).

    At grid steps it does what a LIF neuron does, with all that has arrived since the last one; in between its state is
    held, and it is silent. So a network trained at dt spikes as on its own clock, and with others at theirs.

    Args:
        shape, u, v, du, dv, bias_mant, bias_exp, vth: those of `lava.proc.lif.process.LIF`, for a step of dt.
        dt: fine steps in one step, >= 1.
        reset: ``hard`` or ``soft``.
        between: what arrives at ``a_in`` between grid steps: ``accumulate`` or ``drop``.
        offset, sample: which steps are grid steps, as `GridSteps`.
        reset_interval, reset_offset: as `SoftResetLIF`; what waits for a grid step is forgotten too.

    Attributes:
        fed_back: a second port for activation, of a layer's own spikes, that is never dropped.
        waiting: Var, the activation since the last grid step.

    Raises:
        ValueError: dt, a reset, ``between``, sample or interval that is none.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        dt: int,
        reset: Reset = "hard",
        between: Between = "accumulate",
        offset: int = 0,
        sample: tuple[int, int] | None = None,
        reset_interval: int | None = None,
        reset_offset: int = 0,
        **parameters: Any,
    ) -> None:
        for name, value, options in (("reset", reset, Reset), ("between", between, Between)):
            if value not in get_args(options):
                raise ValueError(f"{name} is {value!r}: pass one of {', '.join(map(repr, get_args(options)))}")
        super().__init__(
            shape=shape,
            grid=GridSteps(dt, offset, sample),
            soft=reset == "soft",
            drops=between == "drop",
            resets=Resets(reset_interval, reset_offset),
            **parameters,
        )
        self.fed_back = InPort(shape=shape)
        self.waiting = Var(shape=shape, init=0)
