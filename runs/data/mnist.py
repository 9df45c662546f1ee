"""Reads MNIST's IDX files, plain or gzipped.

An IDX file is a big-endian header (two zero bytes, the type of the values, the number of axes, one 32-bit
length an axis) and the values. MNIST's images are unsigned bytes on three axes, its labels on one.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from runs import shipped
from runs.data.images import Images

_GZIP_START = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
_TYPES = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E}
_KINDS = {1: "labels", 3: "images"}
_PREFIX = {"train": "train", "test": "t10k"}


def load_mnist(directory: Path | None, split: Literal["train", "test"]) -> Images:
    """Reads one split of MNIST.

    Args:
        directory: folder with the IDX files under their published names ("train-images-idx3-ubyte"), with "-"
            or "." before "idx", with or without ".gz"; None for the shipped subset (3,000 training and 1,000
            test images).
        split: "train" or "test".

    Raises:
        FileNotFoundError: no such folder or file.
        ValueError: a file that is truncated, of the wrong kind or no IDX file, or an unknown split.
    """
    if split not in _PREFIX:
        raise ValueError(f"split came as {split!r}: pass 'train' or 'test'")
    directory = shipped.MNIST if directory is None else Path(directory)
    images_path, labels_path = _find(directory, split, 3), _find(directory, split, 1)
    images, labels = _read_idx(images_path, 3), _read_idx(labels_path, 1)
    if images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} holds images of {images.shape[1]} x {images.shape[2]} pixels, but MNIST's have "
            "28 x 28: pass a folder with MNIST's own files"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images but {labels_path} holds {len(labels)} labels: "
            "take both files from the same set"
        )
    if len(labels) and labels.max() > 9:
        raise ValueError(
            f"{labels_path} holds the label {labels.max()}, but MNIST's are the digits 0 ... 9: "
            "pass a folder with MNIST's own files"
        )
    return Images(images, labels.astype(np.int64))


def _find(directory: Path, split: str, axes: int) -> Path:
    if not directory.is_dir():
        raise FileNotFoundError(
            f"{directory} is not a folder: pass the folder that holds MNIST's four IDX files, "
            "or fetch them with --download"
        )
    stem = f"{_PREFIX[split]}-{_KINDS[axes]}"
    names = [f"{stem}{dot}idx{axes}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    for name in names:
        if (directory / name).is_file():
            return directory / name
    there = ", ".join(sorted(entry.name for entry in directory.iterdir())[:8]) or "nothing"
    raise FileNotFoundError(
        f"{directory} holds no MNIST {split} {_KINDS[axes]}: it needs {names[0]} or {names[1]}, "
        f"found {there}; pass the folder that holds MNIST's four IDX files, or fetch them with --download"
    )


def _read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes with that many axes; writable."""
    content = _read_plain(path)
    kind, needed = _KINDS[axes], f"00 00 08 {axes:02x}"
    start = content[:4]
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with {start.hex(' ') or 'nothing'}, MNIST's {kind} start "
            f"with {needed}; fetch it again"
        )
    if start[2] != _UNSIGNED_BYTE or start[3] != axes:
        other = _KINDS.get(start[3], f"values on {start[3]} axes")
        if start[2] != _UNSIGNED_BYTE:
            other = "values that are not unsigned bytes"
        raise ValueError(
            f"{path} holds {other} (it starts with {start.hex(' ')}) where {kind} are needed ({needed}): "
            f"put MNIST's {kind} under that name"
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


def _read_plain(path: Path) -> bytes:
    """The file's bytes, unpacked if they are gzipped, whatever the name says."""
    content = path.read_bytes()
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
