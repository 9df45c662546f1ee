"""Lava processes of exported networks, and their models for lava-nc's fixed-point Loihi simulation.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.processes.network import Dense, Network
from lava_dt.export.processes.process import DelayedDense, SoftResetLIF

__all__ = ["DelayedDense", "Dense", "Network", "SoftResetLIF"]
