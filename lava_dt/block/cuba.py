"""The CuBa blocks of lava-dl, stepped by dt: thin subclasses that take `timestep` and leave the rest as it is.

Each takes all arguments of the class of the same name in `lava.lib.dl.slayer.block.cuba` and a `Timestep`, as the
argument ``timestep`` or as a key of the neuron parameters. Without one, or at dt = 1, a block is lava-dl's bit for bit
but for the defects listed in the README.

Input and output are (batch, neuron..., time): fine steps on the held clock; on the coarse clock bins of dt fine steps,
to be made once before the first block by `lava_dt.rebin`. A bias enters once a step of dt.
"""

from __future__ import annotations

from typing import Any

import torch
from lava.lib.dl.slayer.block import cuba as upstream
from lava.lib.dl.slayer.block.cuba import Average, Flatten
from torch import Tensor

from lava_dt.neuron import Neuron, check_decays
from lava_dt.timestep import Timestep, as_timestep
from lava_dt.transport import transport

__all__ = ["Affine", "Average", "Conv", "Dense", "Flatten", "Input", "Pool"]


class _Stepped(torch.nn.Module):
    """What the blocks share: taking the timestep, and the way from input to output on either clock."""

    timestep: Timestep
    neuron: Any
    synapse: Any
    delay: Any
    delay_shift: bool
    count_log: bool

    def __init__(self, *args: Any, timestep: Timestep | None = None, **kwargs: Any) -> None:
        parameters = args[0] if args else kwargs.get("neuron_params")
        if parameters is not None and "timestep" in parameters:
            key = parameters["timestep"]
            if timestep not in (None, key):
                raise ValueError(
                    f"the block got timestep={timestep} and its neuron parameters {key}: give the timestep once"
                )
            timestep = key
            parameters = {name: value for name, value in parameters.items() if name != "timestep"}
            if args:
                args = (parameters, *args[1:])
            else:
                kwargs["neuron_params"] = parameters
        check_decays(parameters or {}, as_timestep(timestep))
        super().__init__(*args, **kwargs)
        self.set_timestep(timestep)

    def set_timestep(self, timestep: Timestep | None) -> None:
        """Changes the timestep, keeping every weight and parameter. Raises as `Neuron.set_timestep`."""
        if self.neuron is not None:
            # the same object, so that hooks, optimizers and state dictionaries that know it stay right
            self.neuron.__class__ = Neuron
            self.neuron.set_timestep(timestep)
        self.timestep = as_timestep(timestep)

    def drive(self, x: Tensor) -> Tensor:
        """What the synapses deliver for spikes x; one entry a step of dt in both."""
        mask = getattr(self, "mask", None)
        if mask is not None:
            self.synapse.weight.data *= mask
        return self.synapse(x)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        """Spikes of the layer as the next layer receives them.

        Args:
            x: (batch, neuron..., time).

        Returns:
            Spikes (batch, neuron..., time), shifted by hop and delays; with ``count_log`` also the share of non-zero
            entries.
        """
        neuron = self.neuron
        spikes = x if neuron is None else neuron.respond(self.drive(neuron.gather(x)))
        spikes = self._transport(spikes, x.shape[-1])
        if self.count_log is True:
            return spikes, (spikes > 0).to(spikes.dtype).mean()
        return spikes

    def _transport(self, spikes: Tensor, steps: int) -> Tensor:
        # what no neuron has gathered into bins is on its fine steps still
        timestep = Timestep() if self.neuron is None and self.timestep.held else self.timestep
        delay = None if self.delay is None else self._delays(spikes)
        kept = self._kept(spikes)
        if kept is None:
            return transport(spikes, timestep, steps, int(self.delay_shift), delay)
        ahead = timestep.dt if timestep.held else 1
        joined = transport(torch.cat([kept, spikes], -1), timestep, steps + ahead, int(self.delay_shift), delay)
        return joined[..., ahead:]

    def _kept(self, spikes: Tensor) -> Tensor | None:
        """The last spikes of the previous call, which arrive in this one if the neuron's state persists."""
        if not self.delay_shift or self.neuron is None or self.neuron.persistent_state is not True:
            return None
        kept = getattr(self, "delay_buffer", None)
        self.delay_buffer = spikes[..., -1:].detach()
        if kept is None or kept.shape != self.delay_buffer.shape:
            return torch.zeros_like(self.delay_buffer)
        return kept

    def _delays(self, spikes: Tensor) -> Tensor:
        delay = self.delay
        if not delay.init:
            delay.delay.data = torch.rand(spikes.shape[1], dtype=torch.float, device=spikes.device)
            delay.init = True
        delay.clamp()
        if delay.delay.numel() not in (1, spikes.shape[1]):
            raise ValueError(
                f"the block has {delay.delay.numel()} delays but {spikes.shape[1]} channels: give one delay a channel"
            )
        return delay.delay


class Input(_Stepped, upstream.Input):
    """Input block: an affine transform into CuBa neurons, or (without neuron parameters) the hop alone."""

    pre_hook_fx: Any
    input_shape: Any

    def drive(self, x: Tensor) -> Tensor:
        z = self.pre_hook_fx(x)
        if self.weight is not None:
            z = z * self.pre_hook_fx(self.weight)
        if self.bias is not None:
            z = z + self.pre_hook_fx(self.bias)
        return z

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        if self.neuron is None and self.input_shape is None:
            self.input_shape = x.shape[1:-1]
        return super().forward(x)


class Dense(_Stepped, upstream.Dense):
    """Fully connected block: (batch, in_neurons, time) -> (batch, out_neurons, time)."""


class Conv(_Stepped, upstream.Conv):
    """Convolution block: (batch, channel, height, width, time) in and out."""


class Pool(_Stepped, upstream.Pool):
    """Sum-pooling block: (batch, channel, height, width, time) in and out."""


class Affine(_Stepped, upstream.Affine):
    """Affine block: the voltage of neurons that never spike, or the synapses' output; at once, without a hop."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        z = self.drive(x)
        if self.dynamics is True:
            z = self.neuron.dynamics(z)[1]
        return (z, None) if self.count_log is True else z
