"""Event arrays in one file: checksummed, written whole or not at all, mapped into memory when opened.

The file: eight bytes of magic, the length of the header (8 bytes) and its CRC-32 (4 bytes), little-endian; the header,
JSON; the arrays, each at a multiple of 64 bytes. The header holds what the events were made from (the key), what
`StoredEvents` needs beside its arrays, and every array's type, shape, place and CRC-32.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.data.source import StoredEvents

_MAGIC = b"LDTEVNT1"
_PREFIX = struct.Struct("<8sQI")
_ALIGNED = 64
_ARRAYS = {"ticks": ("<i4",), "channels": ("<u2", "<i4"), "offsets": ("<i8",), "labels": ("<i8",)}
_CHUNK = 1 << 24

Key = dict[str, Any]


class DamagedError(Exception):
    """The file is not what was written."""


class OutdatedError(Exception):
    """The file is whole, but its events were made from something else."""


def write_store(path: Path, events: StoredEvents, key: Key) -> None:
    """Writes the file under another name in the same folder, makes sure of it, and gives it its name.

    Raises:
        OSError: it could not be written; nothing is left behind, and what had the name before still has it.
    """
    arrays = {name: _plain(getattr(events, name), types) for name, types in _ARRAYS.items()}
    facts = {name: getattr(events, name) for name in ("name", "shape", "n_classes", "tick", "duration")}
    header = _header(arrays, {"key": key, "events": facts})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(_PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)))
            file.write(header)
            for array in arrays.values():
                file.write(bytes(-file.tell() % _ALIGNED))
                file.write(array.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def open_store(path: Path, key: Key) -> StoredEvents:
    """Maps the file's arrays and checks every one of them.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: something in it is not what was written.
        OutdatedError: it was made from something else than `key` says.
    """
    with path.open("rb") as file:
        start = file.read(_PREFIX.size)
        if len(start) < _PREFIX.size or not start.startswith(_MAGIC):
            raise DamagedError("it does not begin as an event file")
        _, length, crc = _PREFIX.unpack(start)
        header = file.read(min(length, 1 << 20))
    if len(header) != length or zlib.crc32(header) != crc:
        raise DamagedError("its header does not have its checksum")
    told = json.loads(header)
    if told["key"] != json.loads(json.dumps(key)):
        raise OutdatedError
    made: dict[str, Any] = {
        name: _map(path, _PREFIX.size + length, name, fact) for name, fact in told["arrays"].items()
    }
    made |= told["events"]
    return StoredEvents(**{**made, "shape": tuple(made["shape"])})


def _header(arrays: dict[str, npt.NDArray[Any]], told: dict[str, Any]) -> bytes:
    """Places are counted from the first multiple of 64 behind the header, so that they do not depend on its length."""
    place, facts = 0, {}
    for name, array in arrays.items():
        facts[name] = {"type": array.dtype.str, "shape": array.shape, "place": place, "crc32": _crc(array)}
        place += array.nbytes + -array.nbytes % _ALIGNED
    return json.dumps({**told, "arrays": facts}).encode()


def _map(path: Path, header_end: int, name: str, fact: dict[str, Any]) -> npt.NDArray[Any]:
    shape = tuple(fact["shape"])
    if not np.prod(shape):
        return np.zeros(shape, fact["type"])
    offset = header_end + -header_end % _ALIGNED + fact["place"]
    try:
        # Copy on write: nothing reaches the file, and Numba meets the type that it compiled for arrays in memory.
        mapped = np.asarray(np.memmap(path, fact["type"], "c", offset, shape))
    except (ValueError, OSError) as error:
        raise DamagedError(f"its {name} end too early ({error})") from None
    if _crc(mapped) != fact["crc32"]:
        raise DamagedError(f"its {name} do not have their checksum")
    return mapped


def _plain(array: npt.NDArray[Any], types: tuple[str, ...]) -> npt.NDArray[Any]:
    kind = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, kind if kind.str in types else types[-1])


def _crc(array: npt.NDArray[Any]) -> int:
    crc, flat = 0, array.reshape(-1).view(np.uint8)
    for first in range(0, len(flat), _CHUNK):
        crc = zlib.crc32(flat[first : first + _CHUNK].data, crc)
    return crc
