"""Reads a file of HDF5's old format in a process of its own first: the library can crash on a damaged one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKSUMMED = 2  # version of the superblock from which on the library notices damage by checksums
_SECONDS = 10  # of a processor
_PATIENCE = 12  # times as long by the clock, on a busy machine
_MEMORY = 2 << 30  # bytes that a process may address
_TOO_MUCH = 3  # the exit code of one that wanted more
_READ_ALL = """
import contextlib, math, resource, sys
import h5py
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
largest, compressed, seconds, memory, too_much = (int(word) for word in sys.argv[2:])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
seen = set()
@contextlib.contextmanager
def trying():
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or "memory allocation" in str(error):
            sys.exit(too_much)
def size(space, kind):
    return math.prod(space or ()) * kind.itemsize
def attributes(owner):
    for name in owner.attrs:
        with trying():
            if owner.attrs.get_id(name).get_storage_size() <= largest:
                owner.attrs[name]
def values(found):
    if found.is_virtual or found.external or (found.id.get_create_plist().get_nfilters() and not compressed):
        return
    if max(size(found.shape, found.dtype), size(found.chunks, found.dtype)) <= largest:
        found[()]
waiting = []
def read(owner, name):
    if isinstance(owner.get(name, getlink=True), h5py.HardLink):
        found = owner[name]
        address = h5py.h5o.get_info(found.id).addr
        if address in seen:
            return
        seen.add(address)
        attributes(found)
        if isinstance(found, h5py.Group):
            waiting.append(found)
        elif isinstance(found, h5py.Dataset):
            values(found)
with h5py.File(sys.argv[1], "r") as file:
    waiting.append(file)
    attributes(file)
    while waiting:
        group = waiting.pop()
        with trying():
            for name in group:
                with trying():
                    read(group, name)
"""


def damage(path: os.PathLike[str] | str, largest: int, *, compressed: bool = False) -> str | None:
    """What happened to a process that read everything in the file, if it did not live; None if it did.

    Files with checksums are not read: they raise errors where they are damaged. An error in that process says nothing
    either: it will come again. What is linked or larger is left out, as it is later.

    Args:
        path: a file.
        largest: bytes of a dataset, and of the pieces that it lies in, up to which it is read.
        compressed: whether datasets that went through a filter are read too.
    """
    with open(path, "rb") as file:
        head = file.read(len(_SIGNATURE) + 1)
    if head[:-1] == _SIGNATURE and head[-1] >= _CHECKSUMMED:
        return None
    numbers = largest, int(compressed), _SECONDS, _MEMORY, _TOO_MUCH
    command = [sys.executable, "-I", "-c", _READ_ALL, os.fspath(path), *map(str, numbers)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE * _SECONDS,
            check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # whose threads would take all the memory allowed
        )
    except subprocess.TimeoutExpired:
        return f"reading it takes more than {_PATIENCE * _SECONDS} s"
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"reading it takes more than {_SECONDS} s"
    if done.returncode == _TOO_MUCH:
        return f"reading it takes more than {_MEMORY >> 20} MiB"
    return "the HDF5 library crashes on it" if done.returncode < 0 else None
