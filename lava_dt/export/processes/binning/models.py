"""Process models of `Rebin` and `GroupSum`."""

from __future__ import annotations

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_dt.export.processes.binning.process import LARGEST_MESSAGE, GroupSum, Rebin


class _Rebin(PyLoihiProcessModel):
    waiting: np.ndarray

    def run_spk(self) -> None:
        self.waiting[:] = self.waiting + self.s_in.recv()
        if not self.proc_params["grid"].acts(self.time_step):
            self.s_out.send(np.zeros_like(self.waiting))
            return
        count = np.minimum(self.waiting, 1) if self.proc_params["saturate"] else self.waiting
        if count.max(initial=0) > LARGEST_MESSAGE:
            raise ValueError(
                f"a bin has a count of {count.max()}: a graded spike carries 8 bits, {LARGEST_MESSAGE} at most; use a "
                "smaller dt, or saturate=True in training and here"
            )
        self.s_out.send(count)
        self.waiting[:] = 0


class _GroupSum(PyLoihiProcessModel):
    def run_spk(self) -> None:
        self.s_out.send(self.s_in.recv().reshape(self.s_out.shape[0], -1).sum(axis=1))


@implements(proc=Rebin, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRebinFixed(_Rebin):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    waiting: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)


@implements(proc=Rebin, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyRebinFloat(_Rebin):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    waiting: np.ndarray = LavaPyType(np.ndarray, float)


@implements(proc=GroupSum, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyGroupSumFixed(_GroupSum):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=GroupSum, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyGroupSumFloat(_GroupSum):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
