"""`SpikeDelay`: axonal delays behind neurons."""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var

from lava_dt.export.processes.refusable import Refusable
from lava_dt.export.processes.steps import Resets


class SpikeDelay(Refusable, AbstractProcess):
    """Passes spikes on after a delay of their channel: lava-dl's axonal delay.

        s_out[t] = s_in[t - delay],     in the same step where the delay is 0

    Delays may have any length; a Loihi chip's end at 62 steps, so longer ones are for the simulation only.

    Args:
        shape: of the neurons; the channel is the last axis.
        delays: () or (channel,) steps, >= 0.
        reset_interval, reset_offset: as `SoftResetLIF`: what is under way is lost.

    Attributes:
        ring: Var, (longest delay + 1, *shape): row (step mod its length) holds what leaves at that step.

    Raises:
        ValueError: delays that are negative, not whole, or do not fit the channels.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        delays: np.ndarray | int,
        reset_interval: int | None = None,
        reset_offset: int = 0,
    ) -> None:
        steps = np.asarray(delays)
        if steps.shape not in ((), (shape[-1],)):
            raise ValueError(
                f"delays has the shape {steps.shape} for neurons of shape {tuple(shape)}: one for all, or one a "
                f"channel, ({shape[-1]},), is needed"
            )
        if not np.array_equal(steps, np.rint(steps)) or steps.min() < 0:
            raise ValueError(
                f"delays go from {steps.min()} to {steps.max()}: whole steps, 0 or more, are needed; round them as "
                "training does, downwards"
            )
        super().__init__(resets=Resets(reset_interval, reset_offset))
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.delays = Var(shape=shape, init=np.broadcast_to(steps.astype(np.int32), shape).copy())
        self.ring = Var(shape=(int(steps.max()) + 1, *shape), init=0)
