"""The CuBa blocks of lava-dl, stepped by dt: thin subclasses that take `timestep` and leave the rest as it is.

Each takes all arguments of the class of the same name in `lava.lib.dl.slayer.block.cuba` and a `Timestep`, as the
argument ``timestep`` or as a key of the neuron parameters. Without one, or at dt = 1, a block is lava-dl's bit for bit
but for the defects listed in the README.

Input and output are (batch, neuron..., time): fine steps on the held clock; on the coarse clock bins of dt fine steps,
to be made once before the first block by `lava_dt.rebin`. A bias enters once a step of dt, and under the integral gain
dt times (`Timestep.constants_per_step`).
"""

from __future__ import annotations

from typing import Any

import torch
from lava.lib.dl.slayer.block import cuba as upstream
from lava.lib.dl.slayer.block.cuba import Average, TimeDecimation
from lava.lib.dl.slayer.utils import quantize
from torch import Tensor

from lava_dt.block.arriving import dense
from lava_dt.block.recurrent import KWTA, DenseRecurrent, Recurrent
from lava_dt.block.stepped import Stepped

__all__ = [
    "KWTA",
    "Affine",
    "Average",
    "Conv",
    "ConvT",
    "Dense",
    "DenseRecurrent",
    "Flatten",
    "Input",
    "Pool",
    "Recurrent",
    "TimeDecimation",
    "Unpool",
]


class Input(Stepped, upstream.Input):
    """Input block: an affine transform into CuBa neurons, or (without neuron parameters) the hop alone."""

    pre_hook_fx: Any
    input_shape: Any
    axes = (3, 4, 5)
    layout = "(batch, neuron..., time)"

    def channels(self) -> int | None:
        return None

    def drive(self, x: Tensor) -> Tensor:
        """The affine transform of x, which lava-dl quantises to 8 bits.

        Bins of several fine steps are sums of such numbers and may need more than 8 bits: they are rounded but not cut.
        """
        if self.timestep.dt > 1 and self.pre_hook_fx == self.neuron.quantize_8bit:
            z = quantize(x, step=2 / self.neuron.w_scale)
        else:
            z = self.pre_hook_fx(x)
        if self.weight is not None:
            z = z * self.pre_hook_fx(self.weight)
        if self.bias is not None:
            z = z + self.pre_hook_fx(self.bias) * self.timestep.constants_per_step
        return z

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        if self.neuron is None and self.input_shape is None:
            self.input_shape = x.shape[1:-1]
        return super().forward(x)


class Flatten(upstream.Flatten):
    """(batch, channel, height, width, time) -> (batch, neuron, time), channel by channel; no neurons, no hop."""

    shape: Any

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, None]:
        """Flattens a dense tensor, or a ``torch.sparse_coo_tensor``, which stays sparse.

        Raises:
            ValueError: not five axes.
        """
        if x.dim() != 5:
            raise ValueError(
                f"the input has shape {tuple(x.shape)}: Flatten takes (batch, channel, height, width, time)"
            )
        batch, channels, height, width, steps = x.shape
        if self.shape is None:
            self.shape = [channels * height * width, 1, 1]
        if x.layout == torch.sparse_coo:
            index, values = (x._indices(), x._values()) if not x.is_coalesced() else (x.indices(), x.values())
            neuron = (index[1] * height + index[2]) * width + index[3]
            index = torch.stack([index[0], neuron, index[4]])
            sorted_still = x.is_coalesced() or None
            size = (batch, self.shape[0], steps)
            flat = torch.sparse_coo_tensor(index, values, size, is_coalesced=sorted_still, check_invariants=False)
        elif x.stride(-1) == 1:
            flat = x.reshape(batch, -1, steps)
        else:  # time lies before the neurons in memory: leave it there
            flat = x.permute(0, 4, 1, 2, 3).reshape(batch, steps, -1).transpose(1, 2)
        return (flat, None) if self.count_log is True else flat


class Dense(Stepped, upstream.Dense):
    """Fully connected block: (batch, in_neurons, time) -> (batch, out_neurons, time)."""


class _Images(Stepped):
    axes = (5,)
    layout = "(batch, channel, height, width, time)"


class Conv(_Images, upstream.Conv):
    """Convolution block: (batch, channel, height, width, time) in and out."""


class ConvT(_Images, upstream.ConvT):
    """Transposed-convolution block: (batch, channel, height, width, time) in and out."""


class Pool(_Images, upstream.Pool):
    """Sum-pooling block: (batch, channel, height, width, time) in and out."""

    def channels(self) -> int | None:
        return None


class Unpool(_Images, upstream.Unpool):
    """Unpooling block, which repeats spikes over its kernel: (batch, channel, height, width, time) in and out."""

    def channels(self) -> int | None:
        return None


class Affine(Stepped, upstream.Affine):
    """Affine block: the voltage of neurons that never spike, or the synapses' output; at once, without a hop.

    With the integral gain g the voltage is multiplied by g, there being no threshold to divide (EQUATIONS A.2): a
    read-out of the size that it has at dt = 1. Made on the host; Loihi's register holds the voltage over g.
    """

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        self.check_input(x)
        x = dense(x)
        if self.dynamics is True:
            drive = self.drive_bins(self.neuron.gather(x))
            z = self.neuron.in_real_units(self.neuron.dynamics_of(drive, x.shape[-1])[1])
        else:
            z = self.drive(x)
        return (z, None) if self.count_log is True else z
