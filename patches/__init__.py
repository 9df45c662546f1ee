"""Changes to lava-nc, lava-dl and bats at run time: each guarded, named, revertible, and never made by an import.

    import patches
    patches.apply("modern-python")     # Lava on Python 3.11-3.13, NumPy 2 and current torch
    patches.status()                   # a row for each patch: applied, not applied, not needed, refused
    patches.revert("modern-python")    # upstream's own objects again
    with patches.applied("published-protocol", dt=10, backward="cuda"):
        ...                            # for one block of code; some patches take options
    patches.apply("bats-timestep", grid=bats_dt.TimeGrid(dt=0.004))   # upstream's bats, from a checkout on the path

Importing this package imports neither upstream nor NumPy, and changes nothing.
"""

from patches.error import PatchError, PatchWarning
from patches.patch import Patch, State
from patches.registry import PatchStatus, applied, apply, revert, status

__all__ = [
    "Patch",
    "PatchError",
    "PatchStatus",
    "PatchWarning",
    "State",
    "applied",
    "apply",
    "revert",
    "status",
]
