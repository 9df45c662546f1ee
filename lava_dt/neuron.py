"""lava-dl's CuBa neuron with a timestep (EQUATIONS A.2, A.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.neuron import cuba as upstream
from lava.lib.dl.slayer.neuron.cuba import neuron_params as neuron_params
from torch import Tensor

from lava_dt.dynamics import leaky_integrator
from lava_dt.one_pass import fits, respond_in_order
from lava_dt.parameters import DECAYS, decay_range, prepare
from lava_dt.parameters import check_parameters as check_parameters
from lava_dt.restorable import Restorable
from lava_dt.surrogate import spike as spike_function
from lava_dt.time_axis import at_grid, collect, hold, lay_down, place
from lava_dt.timestep import Timestep, as_timestep


class Neuron(Restorable):
    """Current-based leaky integrate-and-fire neuron of Loihi, stepped by dt [A10-A17].

    Takes every argument of lava-dl's CuBa neuron, which describe the neuron at dt = 1, and:

    Args:
        timestep: what a step is; None or ``Timestep()`` is lava-dl's neuron.
        tau_syn, tau_mem: time constants in place of ``current_decay`` and ``voltage_decay``: seconds, or strings with a
            unit such as '20 ms'; ranges of them where ``shared_param`` is False. The timestep's scheme reads them.
        step: length of a fine step, in the same way; needed with time constants only.

    Raises:
        ValueError: a decay outside [0, 1], or beyond what the timestep's scheme can represent; a threshold below one
            integer of the weights' scale; time constants as `lava_dt.decay`.

    Notes:
        The gradient of a learnable decay has the sign and size of the recurrence (`lava_dt.dynamics` says what it
        ignores); lava-dl's carries a factor of -4096.

        With the integral gain g, graded spikes carry g times the voltage, so that they have the size they have at
        dt = 1; so does the surrogate of their derivative.

        With ``persistent_state`` a call goes on where the last one of the same batch size stopped. On the held clock
        the grid steps are then the multiples of dt of the whole recording, whatever the lengths of the calls, and the
        last step of a call is none unless it is one of those; what has come in since waits (`gather`). No gradient
        passes from call to call.
    """

    shape: Any
    current_state: Tensor
    voltage_state: Tensor
    position: int = 0  # fine steps since the last grid step: persistent state on the held clock only
    waiting: Tensor | None = None  # their input, summed

    def __init__(self, *args: Any, timestep: Timestep | None = None, **kwargs: Any) -> None:
        timestep = as_timestep(timestep)
        first = dict(zip(("threshold", *DECAYS), args, strict=False))
        parameters = prepare({**kwargs, **first}, timestep)
        rest = {name: value for name, value in parameters.items() if name not in first or name in kwargs}
        super().__init__(*(parameters[name] for name in first), *args[len(first) :], **rest)
        self.set_timestep(timestep)

    def set_timestep(self, timestep: Timestep | None) -> None:
        """Changes the timestep, keeping every parameter; states of another timestep are forgotten. Idempotent.

        The running mean of a norm is carried along (`lava_dt.normalisation`).

        Raises:
            TypeError, ValueError: as the constructor; the neuron is then what it was.
        """
        timestep = as_timestep(timestep)
        before = getattr(self, "timestep", Timestep())
        for name in DECAYS:
            low, high = decay_range(self, name)
            timestep.check_decay(low, name)
            if not hasattr(self, f"{name}_max"):  # the spread that lava-dl puts around one decay is cut when drawn
                timestep.check_decay(high, name)
        self.timestep = timestep
        self.carry_mean(before)
        if timestep != before:
            self.reset_state()

    def reset_state(self) -> None:
        """Forgets current, voltage and what waits for a grid step: the next call begins a recording."""
        self.current_state = self.current_state.new_zeros(1)
        self.voltage_state = self.voltage_state.new_zeros(1)
        self.position, self.waiting = 0, None

    def allocate(self, shape: Any, batch: int) -> None:
        """At the first call takes the neurons' shape and draws per-channel decays; keeps the states' shape.

        Args:
            shape: (neuron...).
            batch: samples. Another number than last time begins a recording: there is nothing to go on from.

        Raises:
            ValueError: the neurons have another shape.
        """
        if self.shape is None:
            self.shape = torch.Size(shape)
            self.num_neurons = int(np.prod(self.shape))
            self.draw_decays()
        elif tuple(shape) != tuple(self.shape):
            raise ValueError(
                f"the input is for neurons of shape {tuple(shape)} but these have shape {tuple(self.shape)}: pass "
                "(batch, *neurons, time)"
            )
        wanted = (batch, *shape)
        for name in ("current_state", "voltage_state"):
            state = getattr(self, name)
            if state.shape[0] != batch:
                setattr(self, name, state.new_zeros(wanted))
            elif state.shape != wanted:
                setattr(self, name, state * state.new_ones(wanted))

    def dynamics(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Current and voltage (before the reset), without spikes.

        Args:
            input: (batch, neuron..., time): what the synapses deliver; fine steps on the held clock, bins on the
                coarse clock.

        Returns:
            Current and voltage, shape of ``input``; on the held clock constant between grid steps. In units in which
            the threshold is `level`: with the integral gain the real voltage over g (`in_real_units`).
        """
        return self.dynamics_of(self.gather(input), input.shape[-1])

    def dynamics_of(self, drive: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """`dynamics` for what was gathered from ``steps`` steps: (batch, neuron..., bins)."""
        timestep = self.timestep
        if not timestep.held:
            return self._integrate(drive)
        self._allocate(drive)
        before = self.current_state, self.voltage_state
        current, voltage = self._integrate(drive) if drive.shape[-1] else (drive, drive)
        phase = self.phase_before(steps)
        return (
            hold(current, before[0], timestep.dt, steps, phase),
            hold(voltage, before[1], timestep.dt, steps, phase),
        )

    def spike(self, voltage: Tensor) -> Tensor:
        """Spikes of a voltage as `dynamics` returned it last: (batch, neuron..., time), at grid steps only."""
        timestep = self.timestep
        if not timestep.held:
            return self._fire(voltage)
        steps = voltage.shape[-1]
        seen = at_grid(voltage, timestep.dt, self.phase_before(steps))
        return self._on_fine_steps(self._fire(seen) if seen.shape[-1] else seen, steps)

    def gather(self, signal: Tensor) -> Tensor:
        """What arrives at the grid steps: (..., T) -> (..., bins) on the held clock, else ``signal``.

        Between grid steps it is accumulated, or dropped (`Timestep.between`). *Exact* gradient: that of a step is the
        gradient of the grid step that received it; a grid step in a later call sends none back.

        With a persistent state there are as many bins as grid steps in this call, perhaps none; what comes after the
        last of them waits for the next call.
        """
        timestep = self.timestep
        if not timestep.held:
            return signal
        if self.persistent_state is not True:
            return timestep.gather(signal)
        if self.waiting is not None and self.waiting.shape != signal.shape[:-1]:
            self.position, self.waiting = 0, None
        waiting = signal.new_zeros(signal.shape[:-1]) if self.waiting is None else self.waiting.to(signal)
        kept = None if timestep.between == "drop" else waiting
        collected, left = collect(signal, timestep.dt, self.position, kept)
        self.position = (self.position + signal.shape[-1]) % timestep.dt
        self.waiting = left.detach()
        return collected

    def phase_before(self, steps: int) -> int | None:
        """Fine steps from the last grid step to the begin of the call of ``steps`` steps that was gathered last.

        None where calls do not go on from one another, or where every step is a grid step.
        """
        if not self.timestep.held or self.persistent_state is not True:
            return None
        return (self.position - steps) % self.timestep.dt

    def respond(self, drive: Tensor) -> Tensor:
        """Spikes for one input a step of dt, whatever the clock: (batch, neuron..., bins) -> the same."""
        if drive.shape[-1] == 0 or drive.dim() < 3:
            self._allocate(drive)
            return drive
        if not fits(self, drive):
            return self._fire(self._integrate(drive)[1])
        spikes = respond_in_order(self, drive)
        return spikes if self.drop is None else self.drop(spikes)

    def forward(self, input: Tensor) -> Tensor:
        """Spikes for what the synapses deliver, (batch, neuron..., time) as in `dynamics`; at grid steps only."""
        return self._on_fine_steps(self.respond(self.gather(input)), input.shape[-1])

    def respond_as_called(self, drive: Tensor, steps: int) -> Tensor:
        """`respond` to what was gathered from the last call, through the module's call, so that hooks see it.

        On the held clock the hooks see ``steps`` fine steps, with the drive at the grid steps.
        """
        if not self.timestep.held:
            return self(drive)
        phase, waiting, fine = self.phase_before(steps), self.waiting, self._on_fine_steps(drive, steps)
        if phase is not None:
            self.position, self.waiting = phase, None
        spikes = at_grid(self(fine), self.timestep.dt, phase)
        self.waiting = waiting
        return spikes

    def _on_fine_steps(self, bins: Tensor, steps: int) -> Tensor:
        """What belongs to the grid steps of the last call, at those of its ``steps`` steps; as it is on one axis."""
        if not self.timestep.held:
            return bins
        dt, phase = self.timestep.dt, self.phase_before(steps)
        return place(bins, dt - 1, dt, steps) if phase is None else lay_down(bins, dt, phase, steps)

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
        if self.graded_spike:
            spikes = self.in_real_units(spikes)
        return spikes if self.drop is None else self.drop(spikes)

    def _allocate(self, drive: Tensor) -> None:
        if drive.dim() < 3:
            raise ValueError(f"the input has shape {tuple(drive.shape)}: it needs (batch, neuron..., time)")
        self.allocate(drive.shape[1:-1], drive.shape[0])


def adopt(neuron: Any, timestep: Timestep | None) -> None:
    """Makes a CuBa neuron of lava-dl, or one of lava_dt, step by ``timestep``: the same object, in place.

    Hooks, optimizers and state dictionaries that know it stay right.

    Raises:
        TypeError: another kind of neuron, or a subclass of lava-dl's.
        ValueError: as `Neuron.set_timestep`; the neuron is then what it was.
    """
    kind = type(neuron)
    if not isinstance(neuron, Neuron):
        if kind is not upstream.Neuron:
            derived = isinstance(neuron, upstream.Neuron)
            raise TypeError(
                f"the neuron is a {kind.__module__}.{kind.__qualname__}, and only CuBa neurons step by dt: "
                + ("derive it from lava_dt.Neuron" if derived else "use a CuBa neuron, or leave it at its own step")
            )
        neuron.__class__ = Neuron
    try:
        neuron.set_timestep(timestep)
    except (TypeError, ValueError):
        neuron.__class__ = kind
        raise
