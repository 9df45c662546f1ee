"""Process model of `Tally`."""

from __future__ import annotations

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from runs.deploy.processes.process import Tally


@implements(proc=Tally, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyTally(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    totals: np.ndarray = LavaPyType(np.ndarray, np.int64)
    counts: np.ndarray = LavaPyType(np.ndarray, np.int32)
    first: np.ndarray = LavaPyType(np.ndarray, np.int32)
    erase_0: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_1: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_2: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_3: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_4: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_5: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_6: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_7: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        spikes = self.s_in.recv()
        step = (self.time_step - 1) % self.proc_params["period"] + 1
        if step == 1:
            self.totals[:], self.counts[:], self.first[:] = 0, 0, 0
        first, last = self.proc_params["window"]
        if first <= step <= last and spikes.any():
            self._count(spikes.ravel(), step)

    def _count(self, spikes: np.ndarray, step: int) -> None:
        self.totals[0] += spikes.sum()
        self.totals[1] += np.dot(self.proc_params["fan_out"], spikes != 0)
        if self.proc_params["by_neuron"]:
            self.counts += spikes
            self.first[(spikes != 0) & (self.first == 0)] = step

    def post_guard(self) -> bool:
        return bool(self.proc_params["n_erased"]) and self.time_step % self.proc_params["period"] == 0

    def run_post_mgmt(self) -> None:
        for slot in range(self.proc_params["n_erased"]):
            port = getattr(self, f"erase_{slot}")
            port.write(np.zeros(port._shape, np.int32))
            port.read()  # answered after the write: the next step cannot overtake it
