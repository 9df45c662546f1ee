"""What a timestep makes of a CuBa neuron's parameters: Loihi's registers, and the surrogate (EQUATIONS A.2)."""

from __future__ import annotations

from typing import Any

import torch
from lava.lib.dl.slayer.neuron import cuba as upstream
from lava.lib.dl.slayer.utils import quantize
from torch import Tensor

from bats_dt.discretization import gain, retained
from lava_dt.timestep import Timestep


class Registers(upstream.Neuron):
    """Decays, threshold and surrogate of a step of dt, from the parameters of a fine step. No state, no dynamics.

    Whatever is a tensor lies on the parameters' device, one value or one a channel.
    """

    timestep: Timestep

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
        return step_decay(decay, self.timestep, self.p_scale)

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
    def gain(self) -> Tensor:
        """Factor g on the current of a step of dt (EQUATIONS A.2), (1,) or (channel,) float64; 1 without a gain.

        Where there is a threshold it is divided by g instead; a voltage that is given out is multiplied by g. Detached
        from the decays.
        """
        if not self.timestep.folds_gain:
            return torch.ones(1, dtype=torch.float64, device=self.device)
        decays = torch.broadcast_tensors(self.current_decay.detach(), self.voltage_decay.detach())
        pairs = zip(*(decay.double().flatten().div(self.p_scale).tolist() for decay in decays), strict=True)
        factors = [gain(alpha, beta, self.timestep.dt, self.timestep.scheme) for alpha, beta in pairs]
        return torch.tensor(factors, dtype=torch.float64, device=self.device)

    def in_real_units(self, voltage: Tensor) -> Tensor:
        """A voltage (batch, neuron..., time) times the gain: what it would be at dt = 1, where the threshold is real.

        The integrators and the folded threshold work on the voltage over g, which is what Loihi holds.
        """
        if not self.timestep.folds_gain:
            return voltage
        return voltage * self.gain.to(voltage.dtype).reshape(-1, *(1,) * (voltage.dim() - 2))

    @property
    def threshold_mantissa(self) -> Tensor:
        """Threshold of a step of dt in integers of the weights' scale, (1,) or (channel,); 0: no threshold (`Affine`).

        The integral gain g multiplies the current (EQUATIONS A.2); here the threshold is divided by it instead, which
        gives the same spikes and has a place on Loihi.
        """
        if self._threshold is None or self._threshold <= 0:
            return torch.zeros(1, dtype=torch.int64, device=self.device)
        mantissa = torch.tensor([int(self._threshold * self.w_scale)], device=self.device)
        if not self.timestep.folds_gain:
            return mantissa
        return torch.round(mantissa / self.gain).clamp(min=1).to(torch.int64)

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
    def origin(self) -> tuple[Any, ...]:
        """Everything that the step's decays, threshold and surrogate come from, by value: where it is equal, so are
        they."""
        current, voltage = self.current_decay, self.voltage_decay
        return (
            *(current.dtype, current.device, current.tolist(), voltage.dtype, voltage.device, voltage.tolist()),
            *(self.timestep, self._threshold, self.w_scale, self.s_scale, self.p_scale),
            *(float(self.tau_rho), upstream.TAU_RHO_MULT, self.surrogate_scale),
        )

    @property
    def simple(self) -> bool:
        """Whether current, voltage and spikes can be computed in one pass: nothing between them, spikes of 0 or 1."""
        learnt = self.current_decay.requires_grad or self.voltage_decay.requires_grad
        return self.norm is None and not learnt and not self.graded_spike and (self._threshold or 0) > 0

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

    def _clamp_learnt(self) -> None:
        if self.requires_grad is True:
            self.clamp()


def step_decay(decay: Tensor, timestep: Timestep, scale: int) -> Tensor:
    """Decay of one step of dt, from that of a fine step; both in units of 1/scale, the result a whole number.

    Gradient: *exact* through the scheme, *straight-through* through the rounding.
    """
    if timestep.dt > 1:
        lost = 1 - retained(decay.to(torch.float64) / scale, timestep.dt, timestep.scheme)
        decay = (scale * lost).clamp(0, scale).to(decay.dtype)
    return quantize(decay)


def _whole(values: Tensor) -> Any:
    whole = values.detach().cpu().numpy().astype(int)
    return whole[0] if whole.size == 1 else whole
