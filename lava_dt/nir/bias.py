"""A bias in synapses, which lava-dl's CuBa blocks do not have and NIR's Affine and Conv2d do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Bias(torch.nn.Module):
    """Adds a constant to what synapses deliver in every step; kept, learnt, saved and loaded with their block.

    It enters once a step of dt, or dt times under the integral gain (`Timestep.constants_per_step`).

    Args:
        values: (n,), real units, one a neuron or channel behind the synapses.
    """

    values: torch.nn.Parameter
    _neuron: tuple[Any, ...]

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(values)

    def attach(self, block: Any, synapse: Any) -> None:
        """Makes it part of a block's synapse: `bias` of the block's own names."""
        self._neuron = (block.neuron,)  # in a tuple, so that it does not count as a part
        block.add_module("constant", self)
        synapse.register_forward_hook(self.add)

    def add(self, _: Any, __: Any, delivered: Tensor) -> Tensor:
        """What a synapse delivered, (batch, n, ..., time), with the bias: a forward hook. Gradient: *exact*."""
        along = self.values.reshape(-1, *(1,) * (delivered.dim() - 2))
        return delivered + along * self._neuron[0].timestep.constants_per_step


def bias_of(block: Any) -> Bias | None:
    """The bias that a block was given, or None."""
    constant = getattr(block, "constant", None)
    return constant if isinstance(constant, Bias) else None
