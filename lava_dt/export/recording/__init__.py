"""Lava processes that feed a simulation from a file and record it to files.

Nothing else may lie in this folder: Lava's compiler executes every module beside a process's.
"""

from lava_dt.export.recording.process import Recorder, Source

__all__ = ["Recorder", "Source"]
