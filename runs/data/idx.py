"""Reads IDX files, plain or gzipped.

An IDX file is a big-endian header (two zero bytes, the type of the values, the number of axes, one 32-bit
length an axis) and the values. MNIST's images, and those of its kin, are unsigned bytes on three axes, their labels on
one.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib

import numpy as np
import numpy.typing as npt

_GZIP_START = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
_TYPES = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E}
KINDS = {1: "labels", 3: "images"}


def read_idx(content: bytes, path: str, axes: int, title: str) -> npt.NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes; writable.

    Args:
        content: bytes of the file, gzipped or not, whatever its name says.
        path: name of the file, for messages.
        axes: number of axes that is needed, 1 for labels, 3 for images.
        title: name of the data set, for messages.

    Raises:
        ValueError: a file that is truncated, of the wrong kind or no IDX file.
    """
    content = _unpacked(content, path)
    kind, needed = KINDS[axes], f"00 00 08 {axes:02x}"
    start = content[:4]
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with {start.hex(' ') or 'nothing'}, {title}'s {kind} start "
            f"with {needed}; fetch it again"
        )
    if start[2] != _UNSIGNED_BYTE or start[3] != axes:
        other = KINDS.get(start[3], f"values on {start[3]} axes")
        if start[2] != _UNSIGNED_BYTE:
            other = "values that are not unsigned bytes"
        raise ValueError(
            f"{path} holds {other} (it starts with {start.hex(' ')}) where {kind} are needed ({needed}): "
            f"put {title}'s {kind} under that name"
        )
    header = 4 + 4 * axes
    if len(content) < header:
        raise ValueError(
            f"{path} is truncated: it ends after {len(content)} of its header's {header} bytes; fetch again"
        )
    shape = struct.unpack(f">{axes}I", content[4:header])
    size = header + math.prod(shape)
    if len(content) != size:
        what = "is truncated" if len(content) < size else "is too long"
        raise ValueError(
            f"{path} {what}: {len(content)} bytes came, its header announces {size} "
            f"({' x '.join(map(str, shape))} and {header} of header); fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape).copy()


def _unpacked(content: bytes, path: str) -> bytes:
    if not content.startswith(_GZIP_START):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        raise ValueError(
            f"{path} is truncated: its gzip stream has no end after {len(content)} bytes; fetch it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: its gzip stream does not unpack ({error}); fetch it again") from None
