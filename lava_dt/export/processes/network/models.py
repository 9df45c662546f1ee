"""Models of `Block` and `Network`: the processes that they hold, under any tag."""

from __future__ import annotations

from typing import Any

from lava.magma.core.decorator import implements
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_dt.export.processes.network.process import Block, Network


@implements(proc=Block, protocol=LoihiProtocol)
class PyBlockModel(AbstractSubProcessModel):
    def __init__(self, proc: Any) -> None:
        pass  # connected by the process itself


@implements(proc=Network, protocol=LoihiProtocol)
class PyNetworkModel(AbstractSubProcessModel):
    def __init__(self, proc: Any) -> None:
        pass
