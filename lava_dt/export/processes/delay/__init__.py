"""`SpikeDelay` and its models.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.processes.delay.process import SpikeDelay

__all__ = ["SpikeDelay"]
