"""The Lava process that counts what a layer does.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from runs.deploy.processes.process import SLOTS, Tally

__all__ = ["SLOTS", "Tally"]
