"""`Network` and its layers, `Block`, and their models.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.processes.network.process import Block, Network

__all__ = ["Block", "Network"]
