"""Reads N-MNIST's event files, from the published zips or from folders.

Each recording is one file <split>/<digit>/<number>.bin of five bytes an event, big-endian: x, y, then one bit
of polarity and 23 bits of time in microseconds.

Notes:
    The camera's format (ATIS) marks an overflow of its clock by an event with y = 240: 2^13 microseconds are
    added to every time from there on, and the mark itself is no event. Recordings 1 to 1000 have none.
    All of these are sorted in time; one that is not is sorted, events of the same time keeping their order.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from runs import shipped
from runs.data.recordings import Recordings

try:
    from lzma import LZMAError
except ImportError:  # a Python built without liblzma; zipfile then says so itself

    class LZMAError(Exception):  # type: ignore[no-redef]
        """Never raised."""


# What zipfile and the unpackers under it raise on damaged bytes.
_DAMAGE = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, struct.error)
_EVENT_BYTES = 5
_SIDE = 34
_OVERFLOW_ROW = 240
_OVERFLOW_US = 1 << 13
_FOLDER = {"train": "Train", "test": "Test"}
_MEMBER = re.compile(r"(?:(?P<split>[^/]+)/)?(?P<digit>[0-9])/(?P<number>[0-9]+)\.bin")


class _Entry(NamedTuple):
    """One recording's file: its number, its digit, its name in messages, its size in bytes, its reader."""

    number: int
    digit: int
    name: str
    size: int
    read: Callable[[], bytes]


def load_nmnist(directory: Path | None, split: Literal["train", "test"]) -> Recordings:
    """Reads one split of N-MNIST, ordered by the recordings' numbers.

    Args:
        directory: folder with Train.zip and Test.zip as published, or with the folders Train and Test; where
            both are there the zip is read. None for the shipped subset (200 training, 80 test recordings).
        split: "train" or "test".

    Raises:
        FileNotFoundError: no such folder, or neither zip nor folder of that split in it.
        ValueError: a zip or an event file that is damaged, truncated or empty, or an unknown split.
    """
    if split not in _FOLDER:
        raise ValueError(f"split came as {split!r}: pass 'train' or 'test'")
    source = nmnist_source(shipped.NMNIST if directory is None else Path(directory), split)
    with ExitStack() as stack:
        return _decode(_folder_entries(source) if source.is_dir() else _zip_entries(stack, source, _FOLDER[split]))


def recording_numbers(directory: Path | None, split: Literal["train", "test"]) -> npt.NDArray[np.int64]:
    """Number of every recording of `load_nmnist`, in its order: n shows MNIST's image n, counted from 1."""
    source = nmnist_source(shipped.NMNIST if directory is None else Path(directory), split)
    with ExitStack() as stack:
        entries = _folder_entries(source) if source.is_dir() else _zip_entries(stack, source, _FOLDER[split])
        return np.array([entry.number for entry in entries], np.int64)


def nmnist_source(directory: Path, split: Literal["train", "test"]) -> Path:
    """The zip, or the folder, that holds a split.

    Raises:
        FileNotFoundError: as `load_nmnist`.
    """
    if not directory.is_dir():
        raise FileNotFoundError(
            f"{directory} is not a folder: pass the folder that holds N-MNIST's Train.zip and Test.zip, "
            "or fetch them with --download"
        )
    name = _FOLDER[split]
    for archive in (directory / f"{name}.zip", directory / f"{split}.zip"):
        if archive.is_file():
            return archive
    if (directory / name).is_dir():
        return directory / name
    there = ", ".join(sorted(entry.name for entry in directory.iterdir())[:8]) or "nothing"
    raise FileNotFoundError(
        f"{directory} holds no N-MNIST {split} set: it needs {name}.zip or a folder "
        f"{name}/<digit>/<number>.bin, found {there}; pass the folder that holds N-MNIST, "
        "or fetch it with --download"
    )


def _zip_entries(stack: ExitStack, path: Path, split: str) -> list[_Entry]:
    file = stack.enter_context(path.open("rb"))
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except (*_DAMAGE, RuntimeError) as error:
        raise ValueError(f"{path} is not a whole zip file ({error}): fetch it again") from None

    def reader(member: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                return archive.read(member)
            except _DAMAGE as error:
                raise ValueError(
                    f"{member.filename} in {path} does not unpack ({error}): the zip is damaged, fetch it again"
                ) from None
            except RuntimeError as error:  # encrypted, or a compression this Python was built without
                raise ValueError(
                    f"{member.filename} in {path} cannot be unpacked by this Python ({error}): "
                    f"unpack the zip and pass the folder that holds {split}/"
                ) from None

        return read

    entries = []
    for member in archive.infolist():
        found = _MEMBER.fullmatch(member.filename)
        if not found:
            continue
        if found["split"] not in (None, split) and found["split"] in _FOLDER.values():
            raise ValueError(
                f"{path} holds {member.filename}, of the set {found['split']}, where {split} is needed: "
                "give the two zips their published names"
            )
        name = f"{member.filename} in {path}"
        entries.append(_Entry(int(found["number"]), int(found["digit"]), name, member.file_size, reader(member)))
    return _in_order(entries, path)


def _folder_entries(folder: Path) -> list[_Entry]:
    entries = []
    for path in folder.glob("[0-9]/*.bin"):
        if path.stem.isdecimal():
            size = path.stat().st_size
            entries.append(_Entry(int(path.stem), int(path.parent.name), str(path), size, path.read_bytes))
    return _in_order(entries, folder)


def _in_order(entries: list[_Entry], source: Path) -> list[_Entry]:
    if not entries:
        raise ValueError(
            f"{source} holds no recording: it needs files <digit>/<number>.bin, as N-MNIST is published; fetch it again"
        )
    return sorted(entries, key=lambda entry: (entry.number, entry.digit))


def _decode(entries: list[_Entry]) -> Recordings:
    """The recordings, in arrays allocated once from the files' sizes: the full set has 250 million events."""
    room = sum(entry.size for entry in entries) // _EVENT_BYTES
    t = np.empty(room, dtype=np.int32)
    x, y, polarity = (np.empty(room, dtype=np.uint8) for _ in range(3))
    offsets = np.zeros(len(entries) + 1, dtype=np.int64)
    for i, entry in enumerate(entries):
        events = _events(entry)
        start, end = offsets[i], offsets[i] + events.shape[1]
        if end > room:
            raise ValueError(
                f"{entry.name} has grown while it was read: wait until nothing writes to it, then try again"
            )
        t[start:end], x[start:end], y[start:end], polarity[start:end] = events
        offsets[i + 1] = end
    end = offsets[-1]
    labels = np.array([entry.digit for entry in entries], dtype=np.int64)
    return Recordings(t[:end], x[:end], y[:end], polarity[:end], offsets, labels, (2, _SIDE, _SIDE))


def _events(entry: _Entry) -> npt.NDArray[np.int64]:
    """Time, x, y and polarity of one recording's events, shape (4, n), sorted in time."""
    content = entry.read()
    if len(content) == 0:
        raise ValueError(f"{entry.name} is empty: a recording has five bytes an event; fetch it again")
    if len(content) % _EVENT_BYTES:
        raise ValueError(
            f"{entry.name} is truncated: {len(content)} bytes came, a recording has five bytes an event; fetch it again"
        )
    columns = np.frombuffer(content, dtype=np.uint8).reshape(-1, _EVENT_BYTES).T
    x, y, high, middle, low = columns.astype(np.int64)
    t = ((high & 0x7F) << 16) | (middle << 8) | low
    polarity = high >> 7
    overflow = y == _OVERFLOW_ROW
    if overflow.any():
        t = t + _OVERFLOW_US * np.cumsum(overflow)
        t, x, y, polarity = (values[~overflow] for values in (t, x, y, polarity))
        if len(t) == 0:
            raise ValueError(f"{entry.name} holds clock overflows but no event: fetch it again")
        if t.max() > np.iinfo(np.int32).max:
            raise ValueError(
                f"{entry.name} lasts {t.max()} microseconds by its clock overflows: it is damaged, fetch it again"
            )
    outside = (x >= _SIDE) | (y >= _SIDE)
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(
            f"{entry.name} has an event at x = {x[first]}, y = {y[first]}, outside the {_SIDE} x {_SIDE} "
            "pixels of N-MNIST: it is damaged or of another data set"
        )
    events = np.stack([t, x, y, polarity])
    return events if np.all(t[1:] >= t[:-1]) else events[:, np.argsort(t, kind="stable")]
