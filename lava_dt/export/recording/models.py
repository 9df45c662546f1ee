"""Process models of `Source` and `Recorder`."""

from __future__ import annotations

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
    """The files are mapped, so that they take no memory beside the pages being written."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    received: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    delayed: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    first: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    second: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_0: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_1: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_2: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_3: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_4: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_5: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_6: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    erase_7: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        samples, period = proc_params["samples"], proc_params["period"]
        self.files = {
            name: np.lib.format.open_memmap(
                Path(proc_params["folder"]) / f"{proc_params['prefix']}{name}.npy",
                mode="w+",
                dtype=kind,
                shape=(samples, period, *shape),
            )
            for name, (_, shape, kind) in proc_params["recorded"].items()
        }

    def run_spk(self) -> None:
        self._store(("s_in", "received", "delayed"), lambda port: port.recv())

    def post_guard(self) -> bool:
        return True

    def run_post_mgmt(self) -> None:
        self._store(("first", "second"), lambda port: port.read())
        if self.time_step % self.proc_params["period"] == 0:
            self._erase()

    def _store(self, ports: tuple[str, ...], take: Any) -> None:
        at = divmod(self.time_step - 1, self.proc_params["period"])
        for name, (port, _, _) in self.proc_params["recorded"].items():
            if port in ports:
                self.files[name][at] = take(getattr(self, port))

    def _erase(self) -> None:
        read = [port for port, _, _ in self.proc_params["recorded"].values() if port in ("first", "second")]
        for name in (*read, *(f"erase_{slot}" for slot in range(self.proc_params["n_erased"]))):
            port = getattr(self, name)
            port.write(np.zeros(port._shape, np.int32))
            port.read()  # answered after the write: the next step cannot overtake it
