"""`Rebin` sums spikes over time, `GroupSum` over neurons."""

from __future__ import annotations

import math

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var

from lava_dt.export.processes.refusable import Refusable
from lava_dt.export.processes.steps import GridSteps

LARGEST_MESSAGE = 255  # of a graded spike's 8 bits


class Rebin(Refusable, AbstractProcess):
    """Bins of dt fine steps: at a bin's last step the count of its spikes leaves as a graded spike, in that same step.

    What `lava_dt.rebin` makes of an input, for networks that were trained on it (EQUATIONS A.3).

    Args:
        shape: of the input.
        dt: fine steps in a bin, >= 1.
        saturate: send 1 for any count above 0.
        sample: as `GridSteps`.

    Attributes:
        waiting: Var, the count since the last bin.

    Raises:
        ValueError: dt or sample that is none. While it runs: a count above 255, which 8 bits do not hold.
    """

    def __init__(
        self, *, shape: tuple[int, ...], dt: int, saturate: bool = False, sample: tuple[int, int] | None = None
    ) -> None:
        super().__init__(grid=GridSteps(dt, 0, sample), saturate=saturate)
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.waiting = Var(shape=shape, init=0)


class GroupSum(Refusable, AbstractProcess):
    """Sums groups of consecutive neurons in the same step: lava-dl's Average times the neurons of a group.

    Args:
        shape: of the input, (neuron,).
        groups: how many.

    Raises:
        ValueError: groups that do not divide the neurons.
    """

    def __init__(self, *, shape: tuple[int, ...], groups: int) -> None:
        if groups < 1 or math.prod(shape) % groups:
            raise ValueError(f"{groups} groups do not divide the {math.prod(shape)} neurons before them")
        super().__init__()
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=(groups,))
