"""Process models for lava-nc's simulation of Loihi on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import AbstractPyLifModelFixed, AbstractPyLifModelFloat
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

from lava_dt.export.processes.process import DelayedDense, SoftResetLIF


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySoftResetLIFFixed(AbstractPyLifModelFixed):
    """Loihi's integers: the threshold's mantissa is shifted left by 6 bits, as is what a spike subtracts."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def scale_threshold(self) -> None:
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.effective_vth

    def reset_voltage(self, spike_vector: np.ndarray) -> None:
        self.v[:] = np.where(spike_vector, self.v - self.effective_vth, self.v)


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySoftResetLIFFloat(AbstractPyLifModelFloat):
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.vth

    def reset_voltage(self, spike_vector: np.ndarray) -> None:
        self.v[:] = np.where(spike_vector, self.v - self.vth, self.v)


@implements(proc=DelayedDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDelayedDense(PyLoihiProcessModel):
    """``a_buff`` is a ring: column (step mod its length) holds what arrives at that step."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=16)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=16)
    weights: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=8)
    delays: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=6)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.on_chip: Any = None

    def run_spk(self) -> None:
        if self.on_chip is None:
            self.on_chip = self._weights_on_chip()
        length = self.a_buff.shape[1]
        now = self.time_step % length
        self.a_out.send(self.a_buff[:, now])
        self.a_buff[:, now] = 0
        arrival = (self.time_step + 1 + self.delays) % length
        self.a_buff[np.arange(len(arrival)), arrival] += self._activation(self.s_in.recv())

    def _weights_on_chip(self) -> np.ndarray:
        sign_mode = self.proc_params.get("sign_mode") or determine_sign_mode(self.weights)
        weights = clip_weights(self.weights, sign_mode, num_bits=8)
        return truncate_weights(weights, sign_mode, self.proc_params.get("num_weight_bits", 8))

    def _activation(self, spikes: np.ndarray) -> np.ndarray:
        if self.num_message_bits.item() > 0:
            activation = self.on_chip.dot(spikes)
        else:
            activation = self.on_chip[:, spikes.astype(bool)].sum(axis=1)
        exponent = self.proc_params.get("weight_exp", 0)
        return np.left_shift(activation, exponent) if exponent > 0 else np.right_shift(activation, -exponent)
