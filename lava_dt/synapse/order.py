"""`Order`: how the neurons of a layer lie in the kernels' memory, (batch, time, n)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Order:
    """Neurons (neuron,), (channel, height, width) or any other shape, flat.

    Args:
        shape: of the neurons of one sample, channels first.
        channels_last: whether channels are the innermost axis in memory, else the outermost.
    """

    shape: tuple[int, ...]
    channels_last: bool = False

    def logical(self, signal: Tensor) -> Tensor:
        """(batch, time, n) as (batch, neuron..., time), without moving memory."""
        if len(self.shape) == 1:
            return signal.transpose(1, 2)
        batch, steps, _ = signal.shape
        if self.channels_last:
            spatial = signal.view(batch, steps, *self.shape[1:], self.shape[0])
            return spatial.movedim(-1, 1).movedim(2, -1)
        return signal.view(batch, steps, *self.shape).movedim(1, -1)

    def physical(self, signal: Tensor) -> Tensor:
        """(batch, neuron..., time) as (batch, time, n), contiguous; the inverse of `logical`."""
        batch, steps = signal.shape[0], signal.shape[-1]
        first = signal.movedim(-1, 1)
        if self.channels_last:
            first = first.movedim(2, -1)
        return first.reshape(batch, steps, math.prod(self.shape)).contiguous()

    def per_neuron(self, values: Tensor) -> Tensor:
        """One value, or one a channel, as one value or one a neuron in this order."""
        each = math.prod(self.shape[1:])
        if values.numel() == 1 or each == 1:
            return values.reshape(-1)
        return values.reshape(-1).repeat(each) if self.channels_last else values.reshape(-1).repeat_interleave(each)
