"""lava-dl's CuBa neuron with a timestep (EQUATIONS A.2, A.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.neuron import cuba as upstream
from lava.lib.dl.slayer.neuron.cuba import neuron_params as neuron_params
from lava.lib.dl.slayer.utils import quantize
from torch import Tensor

from bats_dt.discretization import gain, retained
from lava_dt.dynamics import leaky_integrator
from lava_dt.surrogate import spike as spike_function
from lava_dt.time_axis import at_grid, hold, place, rebin
from lava_dt.timestep import Timestep, as_timestep


class Neuron(upstream.Neuron):
    """Current-based leaky integrate-and-fire neuron of Loihi, stepped by dt [A10-A17].

    Takes every argument of lava-dl's CuBa neuron, which describe the neuron at dt = 1, and:

    Args:
        timestep: what a step is; None or ``Timestep()`` is lava-dl's neuron.

    Raises:
        ValueError: a decay outside [0, 1], or beyond what the timestep's scheme can represent; a threshold below one
            integer of the weights' scale; graded spikes with the integral gain.

    Notes:
        The gradient of a learnable decay has the sign and size of the recurrence (`lava_dt.dynamics` says what it
        ignores); lava-dl's carries a factor of -4096.
    """

    timestep: Timestep
    shape: Any
    current_state: Tensor
    voltage_state: Tensor

    def __init__(self, *args: Any, timestep: Timestep | None = None, **kwargs: Any) -> None:
        names = ("threshold", "current_decay", "voltage_decay")
        check_parameters({**dict(zip(names, args, strict=False)), **kwargs}, as_timestep(timestep))
        super().__init__(*args, **kwargs)
        self.set_timestep(timestep)

    def set_timestep(self, timestep: Timestep | None) -> None:
        """Changes the timestep, keeping every parameter. Raises as the constructor."""
        timestep = as_timestep(timestep)
        if timestep.folds_gain and self.graded_spike:
            raise ValueError(
                "gain is 'integral' and spikes are graded: the gain is folded into the threshold, which graded spikes, "
                "being voltages, do not see; use gain='charge'"
            )
        for name in ("current_decay", "voltage_decay"):
            low, high = self._decay_range(name)
            timestep.check_decay(low, name)
            if hasattr(self, f"{name}_max"):  # the spread lava-dl puts around one decay may not leave the range
                setattr(self, f"{name}_max", min(high, timestep.largest_decay))
            else:
                timestep.check_decay(high, name)
        self.timestep = timestep

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        error_messages = args[-1]
        for name in ("current_decay", "voltage_decay"):
            for decay in self._decay_range(name):
                try:
                    self.timestep.check_decay(decay, name)
                except ValueError as error:
                    error_messages.append(str(error))
                    break

    def _decay_range(self, name: str) -> tuple[float, float]:
        if hasattr(self, f"{name}_min"):  # per channel, and not drawn yet
            return getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
        decay = getattr(self, name).detach() / self.p_scale
        return decay.min().item(), decay.max().item()

    def clamp(self) -> None:
        """Keeps learnt decays where the timestep can represent them (between 0 and 1 where it may saturate)."""
        timestep = getattr(self, "timestep", Timestep())  # upstream's constructor clamps before there is one
        with torch.no_grad():
            self.current_decay.clamp_(0, self.p_scale * timestep.largest_decay)
            self.voltage_decay.clamp_(0, self.p_scale * timestep.largest_decay)

    def step_decay(self, decay: Tensor) -> Tensor:
        """Decay of one step of dt, from that of a fine step; both in units of 1/4096, the result a whole number.

        Gradient: *exact* through the scheme, *straight-through* through the rounding to 12 bits.
        """
        if self.timestep.dt > 1:
            fraction = decay.to(torch.float64) / self.p_scale
            lost = 1 - retained(fraction, self.timestep.dt, self.timestep.scheme)
            decay = (self.p_scale * lost).clamp(0, self.p_scale).to(decay.dtype)
        return quantize(decay)

    @property
    def threshold_mantissa(self) -> Tensor:
        """Threshold of a step of dt in integers of the weights' scale, (1,) or (channel,); 0: no threshold (`Affine`).

        The integral gain g multiplies the current (EQUATIONS A.2); here the threshold is divided by it instead, which
        gives the same spikes and has a place on Loihi. Detached from the decays.
        """
        if self._threshold is None or self._threshold <= 0:
            return torch.zeros(1, dtype=torch.int64, device=self.device)
        mantissa = torch.tensor([int(self._threshold * self.w_scale)], device=self.device)
        if not self.timestep.folds_gain:
            return mantissa
        return torch.round(mantissa / self.gain).clamp(min=1).to(torch.int64)

    @property
    def gain(self) -> Tensor:
        """Factor g on the current of a step of dt (EQUATIONS A.2), (1,) or (channel,) float64; 1 without a gain.

        Folded into the threshold where there is one; a voltage that is read out is multiplied by it. Detached.
        """
        if not self.timestep.folds_gain:
            return torch.ones(1, dtype=torch.float64, device=self.device)
        decays = torch.broadcast_tensors(self.current_decay.detach(), self.voltage_decay.detach())
        pairs = zip(*(decay.double().flatten().div(self.p_scale).tolist() for decay in decays), strict=True)
        factors = [gain(alpha, beta, self.timestep.dt, self.timestep.scheme) for alpha, beta in pairs]
        return torch.tensor(factors, dtype=torch.float64, device=self.device)

    @property
    def level(self) -> Tensor:
        """Threshold of a step of dt in integers of the voltage's scale (1/s_scale), (1,) or (channel,) int64."""
        return self.threshold_mantissa * (self.s_scale // self.w_scale)

    @property
    def surrogate_width(self) -> Tensor:
        """tau_rho of the surrogate in the voltage's real unit, (1,) or (channel,) float64.

        With a folded gain it shrinks as the threshold does: as wide, relative to the threshold, as at dt = 1.
        """
        width = torch.tensor([self.tau_rho * upstream.TAU_RHO_MULT], dtype=torch.float64, device=self.device)
        if self.timestep.folds_gain:
            width = width * self.level / (self._threshold * self.s_scale)
        return width

    @property
    def surrogate_scale(self) -> float:
        """scale_rho, the size of the surrogate."""
        return float(self.scale_rho * upstream.SCALE_RHO_MULT)

    @property
    def current_step_decay(self) -> Tensor:
        """Current decay of a step of dt in 1/4096, whole, as the next pass uses it; gradient as `step_decay`."""
        self._clamp_learnt()
        return self.step_decay(self.current_decay)

    @property
    def voltage_step_decay(self) -> Tensor:
        """Voltage decay of a step of dt in 1/4096, whole, as the next pass uses it; gradient as `step_decay`."""
        self._clamp_learnt()
        return self.step_decay(self.voltage_decay)

    @property
    def simple(self) -> bool:
        """Whether current, voltage and spikes can be computed in one pass: nothing between them, spikes of 0 or 1."""
        learnt = self.current_decay.requires_grad or self.voltage_decay.requires_grad
        return self.norm is None and not learnt and not self.graded_spike and (self._threshold or 0) > 0

    def _clamp_learnt(self) -> None:
        if self.requires_grad is True:
            self.clamp()

    @property
    def cx_current_decay(self) -> Any:
        """Current decay of a step of dt, for Loihi: an integer in [0, 4096], or one a channel."""
        self.clamp()
        return _whole(self.step_decay(self.current_decay))

    @property
    def cx_voltage_decay(self) -> Any:
        """Voltage decay of a step of dt, for Loihi: an integer in [0, 4096], or one a channel."""
        self.clamp()
        return _whole(self.step_decay(self.voltage_decay))

    @property
    def v_th_mant(self) -> Any:
        """Threshold mantissa of a step of dt, for Loihi: an integer, or one a channel."""
        return _whole(self.threshold_mantissa)

    def dynamics(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Current and voltage (before the reset), without spikes.

        Args:
            input: (batch, neuron..., time): what the synapses deliver; fine steps on the held clock, bins on the
                coarse clock.

        Returns:
            Current and voltage, shape of ``input``; on the held clock constant between grid steps.
        """
        timestep = self.timestep
        if not timestep.held:
            return self._integrate(input)
        self._allocate(input)
        before = self.current_state, self.voltage_state
        current, voltage = self._integrate(self.gather(input))
        steps = input.shape[-1]
        return (
            hold(current, before[0], timestep.dt, steps),
            hold(voltage, before[1], timestep.dt, steps),
        )

    def spike(self, voltage: Tensor) -> Tensor:
        """Spikes of a voltage as `dynamics` returns it: (batch, neuron..., time), at grid steps only."""
        timestep = self.timestep
        if not timestep.held:
            return self._fire(voltage)
        spikes = self._fire(at_grid(voltage, timestep.dt))
        return place(spikes, timestep.dt - 1, timestep.dt, voltage.shape[-1])

    def gather(self, signal: Tensor) -> Tensor:
        """What arrives at the grid steps: (..., T) -> (..., bins) on the held clock, else ``signal``.

        Between grid steps it is accumulated, or dropped (`Timestep.between`). *Exact* gradient: that of a step is the
        gradient of the grid step that received it.
        """
        if not self.timestep.held:
            return signal
        if self.timestep.between == "drop":
            return at_grid(signal, self.timestep.dt)
        return rebin(signal, self.timestep.dt)

    def respond(self, drive: Tensor) -> Tensor:
        """Spikes for one input a step of dt, whatever the clock: (batch, neuron..., bins) -> the same."""
        return self._fire(self._integrate(drive)[1])

    def _integrate(self, drive: Tensor) -> tuple[Tensor, Tensor]:
        self._allocate(drive)
        current = leaky_integrator(drive, self.current_step_decay, self.current_state, self.s_scale)
        if self.norm is not None:
            current = self.norm(current)
        voltage = leaky_integrator(
            current,
            self.voltage_step_decay,
            self.voltage_state,
            self.s_scale,
            self.level,
            self.timestep.reset == "soft",
        )
        if self.persistent_state is True:
            self.current_state = current[..., -1].detach().clone()
            self.voltage_state = voltage[..., -1].detach().clone()
        return current, voltage

    def _fire(self, voltage: Tensor) -> Tensor:
        along_channels = (-1, *(1,) * (voltage.dim() - 2))
        level = self.level.reshape(along_channels)
        width = self.surrogate_width.reshape(along_channels)
        spikes = spike_function(voltage, level, self.s_scale, width, self.surrogate_scale, self.graded_spike)
        if self.persistent_state is True:
            fired = (spikes[..., -1] > 0).to(voltage.dtype).detach()
            lost = level[..., 0] / self.s_scale if self.timestep.reset == "soft" else self.voltage_state
            self.voltage_state = self.voltage_state - fired * lost
        return spikes if self.drop is None else self.drop(spikes)

    def _allocate(self, drive: Tensor) -> None:
        """At the first call takes the neuron's shape and draws per-channel decays; keeps the states' shape."""
        if drive.dim() < 3:
            raise ValueError(f"the input has shape {tuple(drive.shape)}: it needs (batch, neuron..., time)")
        if self.shape is None:
            self.shape = drive.shape[1:-1]
            self.num_neurons = int(np.prod(self.shape))
            if self.shared_param is False:
                self._draw_decays()
        elif drive.shape[1:-1] != self.shape:
            raise ValueError(
                f"the input has shape {tuple(drive.shape)} but the neurons have shape {tuple(self.shape)}: pass "
                "(batch, *neurons, time)"
            )
        wanted = drive.shape[:-1]
        for name in ("current_state", "voltage_state"):
            state = getattr(self, name)
            if state.shape[0] != wanted[0]:  # another batch: nothing to go on from
                setattr(self, name, state.new_zeros(wanted))
            elif state.shape != wanted:
                setattr(self, name, state * state.new_ones(wanted))

    def _draw_decays(self) -> None:
        for name in ("current_decay", "voltage_decay"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            drawn = low + (high - low) * torch.rand(self.shape[0], dtype=torch.float).to(self.device)
            getattr(self, name).data = self.p_scale * drawn
            delattr(self, f"{name}_min")
            delattr(self, f"{name}_max")


def check_parameters(parameters: dict[str, Any], timestep: Timestep) -> None:
    """Checks threshold and decays among neuron parameters, numbers or ranges; leaves the rest to lava-dl's own checks.

    Raises:
        ValueError: a threshold below one integer of the weights' scale; a decay as `Timestep.check_decay` says.
    """
    threshold, scale = parameters.get("threshold"), parameters.get("scale", 1 << 6)
    if _is_number(threshold) and int(threshold * scale) < 1:
        raise ValueError(
            f"threshold is {threshold:g}, which is less than one integer of the weights' scale and would be rounded to "
            f"0: use {1 / scale:g} or more, or a larger scale"
        )
    for name in ("current_decay", "voltage_decay"):
        decay = parameters.get(name)
        for value in decay if isinstance(decay, (tuple, list)) else (decay,):
            if _is_number(value):
                timestep.check_decay(float(value), name)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number))


def _whole(values: Tensor) -> Any:
    whole = values.detach().cpu().numpy().astype(int)
    return whole[0] if whole.size == 1 else whole
