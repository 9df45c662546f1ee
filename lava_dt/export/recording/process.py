"""`Source` and `Recorder`: Lava's own move one element at a time between processes, these whole files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort
from lava.magma.core.process.process import AbstractProcess

SLOTS = 8  # variables that one recorder can set to zero


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
    """Records what comes in and two variables of others, and at the end of each sample sets those and more to zero.

    Writes ``<folder>/<prefix><name>.npy`` for each quantity, (samples, period, *shape).

    Args:
        folder, prefix: where.
        recorded: name of a quantity -> the port it is read by (``s_in``, ``received`` or ``delayed`` of what is sent,
            ``first`` or ``second`` of variables), its shape, and NumPy's name of the type to keep it in.
        erased: shapes of other variables to set to zero, `SLOTS` at most, in the order of the ports ``erase_0``, ...
        samples, period: samples one after the other, and steps for each.
    """

    def __init__(
        self,
        *,
        folder: str,
        prefix: str,
        recorded: Mapping[str, tuple[str, tuple[int, ...], str]],
        erased: Sequence[tuple[int, ...]],
        samples: int,
        period: int,
    ) -> None:
        super().__init__(
            folder=folder,
            prefix=prefix,
            recorded=dict(recorded),
            n_erased=len(erased),
            samples=samples,
            period=period,
        )
        shapes = {port: shape for port, shape, _ in recorded.values()}
        self.s_in = InPort(shape=shapes.get("s_in", (1,)))
        self.received = InPort(shape=shapes.get("received", (1,)))
        self.delayed = InPort(shape=shapes.get("delayed", (1,)))
        self.first = RefPort(shape=shapes.get("first", (1,)))
        self.second = RefPort(shape=shapes.get("second", (1,)))
        for slot in range(SLOTS):
            setattr(self, f"erase_{slot}", RefPort(shape=erased[slot] if slot < len(erased) else (1,)))

    def erasers(self, count: int) -> list[RefPort]:
        """The first ports for variables to set to zero."""
        return [getattr(self, f"erase_{slot}") for slot in range(count)]
