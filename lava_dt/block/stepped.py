"""What the CuBa blocks share: taking the timestep, and the way from input to output on either clock."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from lava_dt.block.arriving import dense, has_weight_norm, normalised
from lava_dt.block.fused import fused, plan_for, shift_within
from lava_dt.neuron import adopt
from lava_dt.parameters import prepare
from lava_dt.timestep import Timestep, as_timestep
from lava_dt.transport import Delay, transport, transport_piece


class Stepped(torch.nn.Module):
    """What the blocks share: taking the timestep, and the way from input to output on either clock."""

    timestep: Timestep
    neuron: Any
    synapse: Any
    delay: Any
    delay_shift: bool
    count_log: bool
    delay_buffer: Tensor | None = None  # spikes that arrive in later calls, where the state persists
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
        if parameters is not None:
            parameters = prepare(parameters, as_timestep(timestep))
            if args:
                args = (parameters, *args[1:])
            else:
                kwargs["neuron_params"] = parameters
        super().__init__(*args, **kwargs)
        self.set_timestep(timestep)

    def set_timestep(self, timestep: Timestep | None) -> None:
        """Changes the timestep, keeping every weight and parameter. Raises as `lava_dt.neuron.adopt`."""
        if self.neuron is not None:
            adopt(self.neuron, timestep)
        if self.delay is not None:
            self.delay.__class__ = Delay
        before, self.timestep = getattr(self, "timestep", Timestep()), as_timestep(timestep)
        if self.timestep != before:
            self.delay_buffer = None

    def reset_state(self) -> None:
        """Forgets what a persistent state keeps from call to call: the next call begins a recording."""
        self.delay_buffer = None
        if self.neuron is not None:
            self.neuron.reset_state()

    def check_input(self, x: Tensor) -> None:
        """Refuses an input that the block cannot take.

        Raises:
            TypeError: not a tensor, or not of the weights' type.
            ValueError: axes or channels that do not fit, or no sample or step at all.
            NotImplementedError: it, or a parameter, has a tangent of forward-mode differentiation.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"the input is a {type(x).__name__}: pass a torch tensor (batch, neuron..., time)")
        if x.layout not in (torch.strided, torch.sparse_coo):
            raise TypeError(f"the input's layout is {x.layout}: pass a dense tensor, or a sparse one as COO")
        weights = next(self.parameters(), None) if self.neuron is None else self.neuron.current_decay
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
        if forward_ad._current_level >= 0 and any(map(_has_tangent, (x, *self.parameters()))):
            raise NotImplementedError(
                "spikes have no gradient in forward mode: use backward() or torch.autograd.grad(), without dual tensors"
            )

    def channels(self) -> int | None:
        """Length of the input's second axis, None where any will do."""
        return int(self.synapse.in_channels)

    def weights(self) -> Tensor:
        """The synapse's weights, normalised and masked, before they are quantised; not to be changed in place.

        Notes:
            lava-dl multiplies the mask into a copy that weight normalisation then overwrites; here it holds with weight
            normalisation too.
        """
        weight, mask = normalised(self.synapse), getattr(self, "mask", None)
        if mask is None:
            return weight
        if has_weight_norm(self.synapse):
            return weight * mask
        weight.data *= mask
        return weight

    def drive(self, x: Tensor) -> Tensor:
        """What the synapses deliver for spikes x, (batch, neuron..., time); one entry a step of dt in both."""
        if getattr(self, "mask", None) is not None:
            weight, hook = self.weights(), self.synapse.pre_hook_fx
            plan = plan_for(self, tuple(x.shape[1:-1])) if has_weight_norm(self.synapse) else None
            if plan is not None:
                return plan.order.logical(plan.drive(x, weight if hook is None else hook(weight)))
        return self.synapse(x)

    def drive_bins(self, gathered: Tensor) -> Tensor:
        """`drive` for what `Neuron.gather` returned: no entry where a call ends before its first grid step."""
        if gathered.shape[-1]:
            return self.drive(gathered)
        return self.drive(F.pad(gathered, (0, 1)))[..., :0]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor | None]:
        """Spikes of the layer as the next layer receives them.

        Args:
            x: (batch, neuron..., time), dense or a ``torch.sparse_coo_tensor``.

        Returns:
            Spikes (batch, neuron..., time), shifted by hop and delays; with ``count_log`` also the share of non-zero
            entries. Dense; often a view of memory in which time lies before the neurons.
        """
        self.check_input(x)
        spikes = self.respond(x)
        if self.count_log is True:
            return spikes, (spikes > 0).to(spikes.dtype).mean()
        return spikes

    def respond(self, x: Tensor) -> Tensor:
        """The spikes of `forward`."""
        neuron, steps = self.neuron, x.shape[-1]
        if neuron is None:
            return self._transport(dense(x), steps)
        watched = _watched(neuron)
        spikes = None if watched else fused(self, x)
        if spikes is not None:
            return spikes if shift_within(self) else self._transport(spikes, steps)
        drive = self.drive_bins(neuron.gather(dense(x)))
        spikes = neuron.respond_as_called(drive, steps) if watched else neuron.respond(drive)
        return self._transport(spikes, steps)

    def _transport(self, spikes: Tensor, steps: int) -> Tensor:
        # what no neuron has gathered into bins is on its fine steps still
        timestep = Timestep() if self.neuron is None and self.timestep.held else self.timestep
        delay = None if self.delay is None else self._delays(spikes)
        hop, neuron = int(self.delay_shift), self.neuron
        if neuron is None or neuron.persistent_state is not True:
            return transport(spikes, timestep, steps, hop, delay)
        earlier, expected = self.delay_buffer, spikes.shape[:-1]
        if earlier is not None and earlier.shape[:-1] != expected:  # another batch: nothing to go on from
            earlier = None
        moved, self.delay_buffer = transport_piece(
            spikes, earlier, timestep, steps, neuron.phase_before(steps), hop, delay
        )
        return moved

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


def _has_tangent(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and forward_ad.unpack_dual(tensor).tangent is not None


def _watched(neuron: torch.nn.Module) -> bool:
    """Whether somebody's hook waits for the neuron to be called."""
    return bool(
        neuron._forward_hooks or neuron._forward_pre_hooks or neuron._backward_hooks or neuron._backward_pre_hooks
    )
