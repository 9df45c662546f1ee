"""Neurons that lava-nc lacks, and their models.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.processes.lif.process import HeldLIF, SoftResetLIF

__all__ = ["HeldLIF", "SoftResetLIF"]
