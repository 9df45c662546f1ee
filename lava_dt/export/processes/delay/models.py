"""Process models of `SpikeDelay`."""

from __future__ import annotations

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_dt.export.processes.delay.process import SpikeDelay


class _SpikeDelay(PyLoihiProcessModel):
    ring: np.ndarray
    delays: np.ndarray

    def run_spk(self) -> None:
        if self.proc_params["resets"].due(self.time_step):
            self.ring[:] = 0
        length = len(self.ring)
        spikes = self.s_in.recv()
        fired = np.nonzero(spikes)
        leaving = ((self.time_step + self.delays[fired]) % length, *fired)
        self.ring[leaving] = spikes[fired]
        now = self.time_step % length
        self.s_out.send(self.ring[now])
        self.ring[now] = 0


@implements(proc=SpikeDelay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySpikeDelayFixed(_SpikeDelay):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    ring: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    delays: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)


@implements(proc=SpikeDelay, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySpikeDelayFloat(_SpikeDelay):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    ring: np.ndarray = LavaPyType(np.ndarray, float)
    delays: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
