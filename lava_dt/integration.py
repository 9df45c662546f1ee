"""lava-dl's leaky integrator, `leaky_integrator.dynamics`, at any timestep: a function of tensors, without a neuron."""

from __future__ import annotations

import torch
from torch import Tensor

from lava_dt.dynamics import leaky_integrator
from lava_dt.registers import step_decay
from lava_dt.time_axis import hold
from lava_dt.timestep import Timestep

P_SCALE = 1 << 12


def integrate(
    input: Tensor, decay: Tensor, state: Tensor, w_scale: int, threshold: float | None, timestep: Timestep
) -> Tensor:
    """Integrates an input over time, a step of dt at a time; arguments as lava-dl's function has them.

    Args:
        input: (batch, channel, ..., time), real units: fine steps on the held clock, bins on the coarse clock. Gradient
            as `lava_dt.dynamics.leaky_integrator`'s; of a fine step that of its grid step.
        decay: of a fine step in 1/4096, (1,) or (channel,). Gradient as the integrator's and `registers.step_decay`'s.
        state: (1,) or input.shape[:-1], real units: before the first step. No gradient.
        w_scale: integers per real unit.
        threshold: in real units, reached by an integer y where y/w_scale >= threshold, as lava-dl compares; None or one
            that is not above 0: no spike, no reset.
        timestep: what a step is.

    Returns:
        y before the reset, (batch, channel, ..., time); on the held clock constant between grid steps.

    Raises:
        ValueError: a decay beyond the timestep's scheme; the integral gain, which takes the decays of current and
            voltage both, where this function knows one.
    """
    if timestep.folds_gain:
        raise ValueError(
            "gain is 'integral', which depends on the decays of current and voltage both, and one leaky integrator "
            "knows one of them: use gain='charge', or a lava_dt.Neuron"
        )
    for value in (decay.min().item(), decay.max().item()):
        timestep.check_decay(value / P_SCALE, "decay")
    level = None
    if threshold is not None and threshold > 0:
        reached = torch.ceil(torch.tensor([threshold * w_scale], dtype=torch.float32, device=input.device))
        level = reached.to(torch.int64) - 1  # the integrator compares strictly
    dt = timestep.dt
    lost = step_decay(decay, timestep, P_SCALE) if dt > 1 else decay
    drive = timestep.gather(input)
    y = leaky_integrator(drive, lost, state, w_scale, level, timestep.reset == "soft")
    return hold(y, state, dt, input.shape[-1]) if timestep.held else y
