"""What a neuron draws, saves and loads: per-channel decays, and the running mean of its norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_dt.normalisation import carry_mean, mean_ratio
from lava_dt.parameters import DECAYS, decay_range
from lava_dt.registers import Registers
from lava_dt.timestep import Timestep


class Restorable(Registers):
    """Saves with lava-dl's keys and loads what lava-dl or lava_dt saved, at this timestep or another.

    Decays and delays are those of a fine step and need no conversion. A running mean belongs to a step
    (`lava_dt.normalisation`); which one is noted in the state dictionary's metadata, where lava-dl notes nothing and
    means dt = 1. A dictionary without any metadata, as safetensors makes it, is taken to be of this timestep.
    """

    shape: Any
    _mean: tuple[Tensor, Tensor] | None = None  # of dt = 1, and as last converted

    def draw_decays(self) -> None:
        """Draws decays given as ranges, one a channel, once; as lava-dl, but none beyond what the timestep takes."""
        for name in DECAYS:
            if hasattr(self, f"{name}_min"):
                low, high = decay_range(self, name)
                high = min(high, self.timestep.largest_decay)
                drawn = low + (high - low) * torch.rand(self.shape[0], dtype=torch.float).to(self.device)
                getattr(self, name).data = self.p_scale * drawn
                self._drop_range(name)

    def carry_mean(self, before: Timestep) -> None:
        """Converts the running mean of the neuron's norm, if any, from another timestep to the neuron's."""
        mean = getattr(self.norm, "running_mean", None)
        if isinstance(mean, Tensor) and mean.any():
            self.norm.running_mean, self._mean = carry_mean(
                mean, self._mean_ratio(before.dt, before.scheme), self._own_mean_ratio(), self._mean
            )

    def _drop_range(self, name: str) -> None:
        delattr(self, f"{name}_min")
        delattr(self, f"{name}_max")

    def _mean_ratio(self, dt: int, scheme: str) -> Tensor:
        return mean_ratio(self.current_decay.detach().double() / self.p_scale, dt, scheme)

    def _own_mean_ratio(self) -> Tensor:
        return self._mean_ratio(self.timestep.dt, self.timestep.scheme)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]]["timestep"] = (self.timestep.dt, self.timestep.scheme)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any) -> None:
        for name in DECAYS:
            self._make_room(name, state_dict.get(prefix + name))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)
        self._load_mean(state_dict, f"{prefix}norm.running_mean", local_metadata)
        error_messages = args[-1]
        for name in DECAYS:
            for decay in decay_range(self, name):
                try:
                    self.timestep.check_decay(decay, name)
                except ValueError as error:
                    error_messages.append(str(error))
                    break

    def _make_room(self, name: str, loaded: Any) -> None:
        """Takes loaded decays for the draw of a range, unless they are what a neuron holds that has not drawn."""
        own = getattr(self, name)
        if not hasattr(self, f"{name}_min") or not isinstance(loaded, Tensor):
            return
        if loaded.shape != own.shape or not torch.equal(loaded.to(own), own):
            own.data = own.new_empty(loaded.shape)
            self._drop_range(name)

    def _load_mean(self, state_dict: Any, key: str, local_metadata: Any) -> None:
        """Gives the norm, which loads next, room for its mean, and the mean its value at the neuron's timestep."""
        mean, own = state_dict.get(key), getattr(self.norm, "running_mean", None)
        if not isinstance(mean, Tensor) or not isinstance(own, Tensor):
            return
        if own.numel() == 1 and mean.numel() > 1:
            self.norm.running_mean = own.new_zeros(mean.shape)
            self.norm.num_features = mean.numel()
        self._mean = None
        if local_metadata:
            before = self._mean_ratio(*local_metadata.get("timestep", (1, "forward_euler")))
            after = self._own_mean_ratio()
            if not torch.equal(before, after):
                state_dict[key], self._mean = carry_mean(mean.to(own), before, after)
