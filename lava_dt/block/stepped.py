"""What the CuBa blocks share: taking the timestep, and the way from input to output on either clock."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_dt.neuron import Neuron, check_parameters
from lava_dt.timestep import Timestep, as_timestep
from lava_dt.transport import transport


class Stepped(torch.nn.Module):
    """What the blocks share: taking the timestep, and the way from input to output on either clock."""

    timestep: Timestep
    neuron: Any
    synapse: Any
    delay: Any
    delay_shift: bool
    count_log: bool
    axes: tuple[int, ...] = (3, 5)
    layout = "(batch, neuron, time) or (batch, channel, height, width, time)"

    def __init__(self, *args: Any, timestep: Timestep | None = None, **kwargs: Any) -> None:
        parameters = args[0] if args else kwargs.get("neuron_params")
        if not isinstance(parameters, dict | None):
            raise TypeError(f"neuron_params is {parameters!r}: pass a dictionary of the neuron's parameters")
        if parameters is not None and "timestep" in parameters:
            key = parameters["timestep"]
            if None not in (key, timestep) and timestep != key:
                raise ValueError(
                    f"the block got timestep={timestep} and its neuron parameters {key}: give the timestep once"
                )
            timestep = key if timestep is None else timestep
            parameters = {name: value for name, value in parameters.items() if name != "timestep"}
            if args:
                args = (parameters, *args[1:])
            else:
                kwargs["neuron_params"] = parameters
        check_parameters(parameters or {}, as_timestep(timestep))
        super().__init__(*args, **kwargs)
        self.set_timestep(timestep)

    def set_timestep(self, timestep: Timestep | None) -> None:
        """Changes the timestep, keeping every weight and parameter. Raises as `Neuron.set_timestep`."""
        if self.neuron is not None:
            # the same object, so that hooks, optimizers and state dictionaries that know it stay right
            self.neuron.__class__ = Neuron
            self.neuron.set_timestep(timestep)
        self.timestep = as_timestep(timestep)

    def check_input(self, x: Tensor) -> None:
        """Refuses an input that the block cannot take.

        Raises:
            TypeError: not a tensor, or not of the weights' type.
            ValueError: axes or channels that do not fit, or no sample or step at all.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"the input is a {type(x).__name__}: pass a torch tensor (batch, neuron..., time)")
        weights = next(self.parameters(), None)
        if not x.is_floating_point() or (weights is not None and x.dtype != weights.dtype):
            wanted = torch.float32 if weights is None else weights.dtype
            raise TypeError(f"the input is {x.dtype} but the block is {wanted}: convert the input with .to({wanted})")
        if x.dim() not in self.axes:
            raise ValueError(f"the input has shape {tuple(x.shape)}: {type(self).__name__} takes {self.layout}")
        channels = self.channels()
        if channels is not None and x.shape[1] != channels:
            raise ValueError(
                f"the input has shape {tuple(x.shape)} but the block was made for {channels} neurons or channels: the "
                f"second axis must match; pass {self.layout}"
            )
        if x.numel() == 0:
            raise ValueError(f"the input has shape {tuple(x.shape)}: it needs at least one sample, neuron and step")

    def channels(self) -> int | None:
        """Length of the input's second axis, None where any will do."""
        return int(self.synapse.in_channels)

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
        self.check_input(x)
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
