"""From a network trained by BATS to blocks that lava_dt trains, writes and runs in Lava, and what is lost on the way."""

from lava_dt.export.bats.conversion import FromBATS, from_bats

__all__ = ["FromBATS", "from_bats"]
