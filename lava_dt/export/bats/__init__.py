"""From a network trained by `bats_dt` to blocks in Loihi's integers, and what is lost on the way to Lava."""

from lava_dt.export.bats.conversion import FromBATS, from_bats
from lava_dt.export.bats.staging import Stage, Stages, stages

__all__ = ["FromBATS", "Stage", "Stages", "from_bats", "stages"]
