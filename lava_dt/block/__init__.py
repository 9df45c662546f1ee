"""lava-dl's blocks with a timestep. Users of `lava.lib.dl.slayer.block` change the import and nothing else."""

from lava_dt.block import cuba

__all__ = ["cuba"]
