"""netx-close-files: a network file can be written again after netx has read it.

``NetDict`` opens the HDF5 file and never closes it, so that exporting to the same path later in the process
raises OSError. Here a file opened for reading is copied into memory and closed at once; upstream then works on
that copy.

Notes:
    HDF5 itself makes the copy, from its own view of the file: a file that this process still has open for writing
    is read as it stands, as upstream would. A Python file object in its place makes Python crash as it ends.
"""

from __future__ import annotations

import functools
from typing import Any

from patches.change import Replacement
from patches.patch import Patch


def _from_memory(original: Any) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, filename: Any = None, mode: str = "r", f: Any = None) -> None:
        if f is None and mode == "r":
            import h5py

            with h5py.File(filename, mode) as opened:
                opened.flush()  # what a writer in this process has not written yet
                image = opened.id.get_file_image()
            f = h5py.File(h5py.h5f.open_file_image(image))
        original(self, filename, mode, f)

    return __init__


PATCH = Patch(
    name="netx-close-files",
    reason="netx never closes the files it reads: exporting to the same path again raises OSError",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(Replacement("lava.lib.dl.netx.utils", "NetDict.__init__", ("970e26ea6a62cfa3",), _from_memory),),
)
