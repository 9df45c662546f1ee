"""Process models of `Source` and `Recorder`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_dt.export.recording.process import Recorder, Source


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySource(PyLoihiProcessModel):
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.rows = np.load(proc_params["path"], mmap_mode="r")
        self.silence = np.zeros(proc_params["shape"], np.int32)

    def run_spk(self) -> None:
        sample, step = divmod(self.time_step - 1, self.proc_params["period"])
        inside = sample < self.rows.shape[0] and step < self.rows.shape[1]
        self.s_out.send(self.rows[sample, step].astype(np.int32) if inside else self.silence)


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecorder(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    current: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    voltage: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    buffer: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        size = (proc_params["samples"], proc_params["period"], *proc_params["shape"])
        self.recorded = {
            "spikes": np.zeros(size, bool),
            "current": np.zeros(size, np.int32),
            "voltage": np.zeros(size, np.int32),
        }

    def run_spk(self) -> None:
        self._store("spikes", self.s_in.recv())

    def post_guard(self) -> bool:
        return True

    def run_post_mgmt(self) -> None:
        self._store("current", self.current.read())
        self._store("voltage", self.voltage.read())
        if self.time_step % self.proc_params["period"]:
            return
        self._clear()
        if self.time_step == self.proc_params["period"] * self.proc_params["samples"]:
            self._write()

    def _store(self, name: str, values: np.ndarray) -> None:
        self.recorded[name][divmod(self.time_step - 1, self.proc_params["period"])] = values

    def _clear(self) -> None:
        ports = [self.current, self.voltage, *([self.buffer] if self.proc_params["buffered"] else [])]
        for port in ports:
            port.write(np.zeros(port._shape, np.int32))
            port.read()  # answered after the write: the next step cannot overtake it

    def _write(self) -> None:
        for name, values in self.recorded.items():
            target = Path(self.proc_params["folder"]) / f"{self.proc_params['prefix']}{name}.npy"
            with open(f"{target}.part", "wb") as file:
                np.save(file, values)
            os.replace(f"{target}.part", target)
