"""Reads a file of HDF5's old format in a process of its own first: the library can crash on a damaged one."""

from __future__ import annotations

import os
import subprocess
import sys

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKSUMMED = 2  # version of the superblock from which on the library notices damage by checksums
_SECONDS = 30.0
_READ_ALL = """
import sys, resource
import h5py
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
largest = int(sys.argv[2])
def read(owner):
    for name in owner.attrs:
        owner.attrs[name]
    if isinstance(owner, h5py.Dataset) and owner.size is not None and owner.size * owner.dtype.itemsize <= largest:
        owner[()]
with h5py.File(sys.argv[1], "r") as file:
    read(file)
    file.visititems(lambda _, found: read(found))
"""


def damage(path: os.PathLike[str] | str, largest: int) -> str | None:
    """What happened to a process that read everything in the file, if it did not live; None if it did.

    Files with checksums are not read: they raise errors where they are damaged. An error in that process says nothing
    either: it will come again.

    Args:
        path: a file.
        largest: bytes of a dataset up to which it is read.
    """
    with open(path, "rb") as file:
        head = file.read(len(_SIGNATURE) + 1)
    if head[:-1] == _SIGNATURE and head[-1] >= _CHECKSUMMED:
        return None
    command = [sys.executable, "-I", "-c", _READ_ALL, os.fspath(path), str(largest)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"reading it takes more than {_SECONDS:g} s"
    return "the HDF5 library crashes on it" if done.returncode < 0 else None
