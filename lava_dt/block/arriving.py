"""What reaches a block's neurons: spikes, dense or as lists, and the weights of the moment."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.weight_norm import WeightNorm

from lava_dt.block.known import known
from lava_dt.dynamics.weight_norm import fits, normalise
from lava_dt.events import Events, events_of
from lava_dt.time_axis import bins
from lava_dt.timestep import Timestep


def dense(x: Tensor) -> Tensor:
    """A sparse tensor as a dense one."""
    return x.to_dense() if x.layout != torch.strided else x


def listed(x: Tensor, timestep: Timestep, largest_density: float) -> Events | None:
    """The spikes that arrive at the grid steps, as lists; None if they are not whole or too many of the bins hold one.

    Args:
        x: (batch, neuron..., time) on the CPU, fine steps on the held clock, bins on the coarse clock.
        largest_density: of the bins, so that both clocks go the same way and sum in the same order.
    """
    if not timestep.held:
        return events_of(x, largest_density)
    steps, dt = x.shape[-1], timestep.dt
    events = events_of(x, min(1.0, largest_density * dt * bins(steps, dt) / steps))  # a bin may hold dt of them
    if events is None:
        return None
    events = events.at_grid(dt) if timestep.between == "drop" else events.rebin(dt)
    return events if events.density <= largest_density else None


def whole_weights(neuron: Any, synapse: Any) -> bool:
    """Whether the weights are lava-dl's 8 bits, in fractions that float32 holds, and nobody watches the synapse."""
    scale = neuron.w_scale
    own = synapse.pre_hook_fx == neuron.quantize_8bit and scale & (scale - 1) == 0
    hooked = synapse._forward_hooks or synapse._backward_hooks or synapse._backward_pre_hooks
    watched = any(not isinstance(hook, WeightNorm) for hook in synapse._forward_pre_hooks.values())
    return own and not hooked and not watched and not synapse.complex


def has_weight_norm(synapse: Any) -> bool:
    """Whether the synapse's weight is computed under weight normalisation, whoever enabled it."""
    return any(isinstance(hook, WeightNorm) for hook in synapse._forward_pre_hooks.values())


def normalised(synapse: Any) -> Tensor:
    """The weights of a synapse as they are at this moment, before they are quantised; not to be changed in place.

    The synapse holds them too.
    """
    weight = None
    for hook in synapse._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            v, g = (getattr(synapse, f"{hook.name}_{part}") for part in "vg")
            if type(hook) is WeightNorm and hook.name == "weight" and hook.dim == 0 and fits(v, g):
                weight, synapse.weight = known(synapse, (v, g), lambda: normalise(v, g))  # noqa: B023
            else:
                hook(synapse, None)
    return synapse.weight if weight is None else weight
