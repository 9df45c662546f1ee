"""Running means of normalised currents, which belong to a step of the network.

lava-dl's `MeanOnlyBatchNorm` and `WgtScaleBatchNorm` subtract the mean of the current. A drive of z a fine step gives
the mean current z/alpha at dt = 1, and dt z/(1 - e_I) at dt, e_I the factor that the scheme keeps (EQUATIONS A.2): by
that ratio a mean is carried from one timestep to another. The running variance of `WgtScaleBatchNorm` has no such law,
the spread of the current depending on how the input varies in time; it is left to the training that follows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bats_dt.discretization import retained


def mean_ratio(current_decay: Tensor, dt: int, scheme: str) -> Tensor:
    """Mean current at dt over that at dt = 1 under the same input: dt alpha/(1 - e_I), the shape of the decay.

    Args:
        current_decay: of a fine step, a fraction in [0, 1]. One that loses nothing has no mean; its ratio is 1, the
            limit.
        dt, scheme: of the timestep. A factor below 0, which a neuron only takes saturated, counts as 0.
    """
    lost = 1 - retained(current_decay, dt, scheme).clamp(min=0)
    return torch.where(current_decay > 0, dt * current_decay / lost, 1.0)


def carry_mean(
    mean: Tensor, before: Tensor, after: Tensor, known: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A running mean at another timestep, so that the way back is exact.

    Args:
        mean: (channel,), in the step it belongs to.
        before, after: `mean_ratio` of that step and of the new one, (1,) or (channel,).
        known: what the last conversion returned: a mean that nothing has changed since is taken from there.

    Returns:
        The mean in the new step, and what to keep for the next conversion: the mean at dt = 1, and the one returned.
    """
    if known is not None and torch.equal(mean, known[1].to(mean)):
        fine = known[0].to(mean)
    else:
        fine = (mean / before).to(mean.dtype)
    carried = (fine * after).to(mean.dtype)
    return carried, (fine, carried.clone())
