"""`Source` and `Recorder`: Lava's own move one element at a time between processes, these whole files."""

from __future__ import annotations

from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort
from lava.magma.core.process.process import AbstractProcess


class Source(AbstractProcess):
    """Sends one row of an array a step.

    Args:
        path: .npy file, (samples, steps, *shape) of integers.
        shape: of a row.
        period: steps from sample to sample; after its rows a sample sends zeros.
    """

    def __init__(self, *, path: str, shape: tuple[int, ...], period: int) -> None:
        super().__init__(path=path, shape=shape, period=period)
        self.s_out = OutPort(shape=shape)


class Recorder(AbstractProcess):
    """Records spikes, current and voltage of a layer; at the end of each sample sets its state to zero.

    Writes, at the last step, ``<folder>/<prefix>spikes.npy`` (bool), ``current.npy`` and ``voltage.npy`` (int32),
    each (samples, period, *shape).

    Args:
        folder, prefix: where.
        shape: of the layer.
        buffer_shape: of its synapses' buffer of what is under way, None if it has none.
        samples, period: samples one after the other, and steps for each.
    """

    def __init__(
        self,
        *,
        folder: str,
        prefix: str,
        shape: tuple[int, ...],
        buffer_shape: tuple[int, ...] | None,
        samples: int,
        period: int,
    ) -> None:
        super().__init__(
            folder=folder,
            prefix=prefix,
            shape=shape,
            buffered=buffer_shape is not None,
            samples=samples,
            period=period,
        )
        self.s_in = InPort(shape=shape)
        self.current = RefPort(shape=shape)
        self.voltage = RefPort(shape=shape)
        self.buffer = RefPort(shape=(1,) if buffer_shape is None else buffer_shape)
