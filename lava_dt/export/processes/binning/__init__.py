"""`Rebin` and `GroupSum`, and their models.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.processes.binning.process import GroupSum, Rebin

__all__ = ["GroupSum", "Rebin"]
