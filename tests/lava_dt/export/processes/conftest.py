import numpy as np
import pytest
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

from lava_dt.export import simulation


@pytest.fixture(scope="session")
def run_lava():
    """Runs Lava processes that hang together; values (steps, *shape) for ports in, ports out -> (steps, *shape)."""

    def run(inputs: list, outputs: list, steps: int, tag: str = "fixed_pt") -> list[np.ndarray]:
        for values, ports in inputs:
            data = np.zeros((*values.shape[1:], steps))
            data[..., : len(values)] = np.moveaxis(values, 0, -1)
            source = Source(data=data)
            for port in ports:
                (source.s_out if data.ndim == len(port.shape) + 1 else source.s_out.flatten()).connect(port)
        sinks = [Sink(shape=port.shape, buffer=steps) for port in outputs]
        for sink, port in zip(sinks, outputs, strict=True):
            port.connect(sink.a_in)
        process = sinks[0]
        try:
            process.run(condition=RunSteps(steps, blocking=False), run_cfg=Loihi2SimCfg(select_tag=tag))
            simulation._wait(process.runtime, 60)  # raises where Lava would wait for ever
            process.wait()
            found = [np.moveaxis(sink.data.get(), -1, 0) for sink in sinks]
            process.stop()
        except BaseException:
            simulation.end(process.runtime)
            raise
        return found

    return run
