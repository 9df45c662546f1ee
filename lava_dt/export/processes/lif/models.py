"""Process models of `SoftResetLIF` and `HeldLIF`: Loihi's integers, and floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import AbstractPyLifModelFixed, AbstractPyLifModelFloat

from lava_dt.export.processes.lif.process import HeldLIF, SoftResetLIF


class _Fixed(AbstractPyLifModelFixed):
    """Loihi's integers: the threshold's mantissa is shifted left by 6 bits, as is what a soft reset subtracts."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def scale_threshold(self) -> None:
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.effective_vth

    def prepare(self) -> None:
        """The parameters in the units of the state; thresholds once, as lava-nc's neurons do."""
        self.scale_bias()
        if not self.isthrscaled:
            self.scale_threshold()

    @property
    def level(self) -> Any:
        return self.effective_vth


class _Float(AbstractPyLifModelFloat):
    """Floats: nothing is shifted; du and dv are fractions."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.vth

    def prepare(self) -> None:
        """Nothing to do: the parameters are in the units of the state."""

    @property
    def level(self) -> Any:
        return self.vth


class _Soft:
    """A spike subtracts the threshold; states are zeroed at the steps asked for."""

    def run_spk(self: Any) -> None:
        if self.proc_params["resets"].due(self.time_step):
            self.u[:] = 0
            self.v[:] = 0
        super().run_spk()  # type: ignore[misc]

    def reset_voltage(self: Any, spike_vector: np.ndarray) -> None:
        self.v[:] = np.where(spike_vector, self.v - self.level, self.v)


class _Held:
    """Acts at grid steps; ``waiting`` holds what has arrived since the last."""

    def run_spk(self: Any) -> None:
        options = self.proc_params
        arriving, fed_back = self.a_in.recv(), self.fed_back.recv()
        if options["resets"].due(self.time_step):
            for state in (self.u, self.v, self.waiting):
                state[:] = 0
        if options["grid"].acts(self.time_step):
            self.s_out.send(self._step(arriving + fed_back + self.waiting))
            self.waiting[:] = 0
            return
        self.waiting[:] = self.waiting + fed_back + (0 if options["drops"] else arriving)
        self.s_out.send(np.zeros(self.v.shape, bool))

    def _step(self: Any, activation: np.ndarray) -> np.ndarray:
        self.prepare()
        self.subthr_dynamics(activation)
        spikes: np.ndarray = self.spiking_activation()
        if self.proc_params["soft"]:
            self.v[:] = np.where(spikes, self.v - self.level, self.v)
        else:
            self.v[spikes] = 0
        return spikes


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySoftResetLIFFixed(_Soft, _Fixed):
    pass


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySoftResetLIFFloat(_Soft, _Float):
    pass


@implements(proc=HeldLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyHeldLIFFixed(_Held, _Fixed):
    fed_back: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    waiting: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)


@implements(proc=HeldLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyHeldLIFFloat(_Held, _Float):
    fed_back: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    waiting: np.ndarray = LavaPyType(np.ndarray, float)
