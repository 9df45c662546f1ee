"""Patches of Florian-BACHO's bats, used from a checkout on the path, one a file.

The timestep that they put in is `bats_dt`'s, which they import when they are applied; nothing else of patches does.
"""

from patches.bats import timestep

PATCHES = (timestep.PATCH,)
