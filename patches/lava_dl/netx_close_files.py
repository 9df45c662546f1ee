"""netx-close-files: a network file can be written again after netx has read it.

``NetDict`` opens the HDF5 file and never closes it, so that exporting to the same path later in the process
raises OSError. Here a file opened for reading is read into memory and closed at once; upstream then works
on that copy.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from patches.change import Replacement
from patches.patch import Patch


def _from_memory(original: Any) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, filename: Any = None, mode: str = "r", f: Any = None) -> None:
        if f is None and mode == "r" and isinstance(filename, (str, bytes, os.PathLike)):
            import h5py

            # HDF5's own image of the bytes: a Python file object would be called after Python has ended.
            f = h5py.File(h5py.h5f.open_file_image(Path(os.fsdecode(filename)).read_bytes()))
        original(self, filename, mode, f)

    return __init__


PATCH = Patch(
    name="netx-close-files",
    reason="netx never closes the files it reads: exporting to the same path again raises OSError",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(Replacement("lava.lib.dl.netx.utils", "NetDict.__init__", ("970e26ea6a62cfa3",), _from_memory),),
)
