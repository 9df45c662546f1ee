"""netx's file format as far as it can be trusted: every value is checked before and after it is read.

A file is a group ``layer`` of groups ``0``, ``1``, ..., each with ``type``, ``shape`` and what its type needs. Nothing
is read that a file merely declares: a dataset larger than the file explains, one that lies in another file, a link.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from lava_dt.export.probing import damage

FORMAT_VERSION = 2
SOFT_RESET_TYPE = "CUBA_SOFT_RESET"  # unknown to netx, which would reset it hard
NEVER = (1 << 18) - 1  # lava-dl's threshold of neurons whose voltage is read

_WIDENING = 16  # times that the numbers of a file may take more memory than the file: int8 becomes int64
_SPARE = 1 << 20  # bytes beyond that
_EXACT = 1 << 53  # whole numbers that float64 holds
_LONGEST = 64  # bytes of a text
_REFUSED = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    MemoryError,
    SystemError,
)


class NetworkFileError(ValueError):
    """A network file that cannot be used: which file, what in it, and why."""


@contextlib.contextmanager
def opened(path: os.PathLike[str] | str, name: os.PathLike[str] | str) -> Iterator[Stored]:
    """The file's root; ``name`` is what it is called in errors.

    Raises:
        NetworkFileError: it is no HDF5 file, or a damaged one.
    """
    with _in_words(name, "the file"):
        size = os.path.getsize(path)
        if not h5py.is_hdf5(path):
            raise NetworkFileError(
                f"{name} is not an HDF5 file, or its beginning is damaged: pass one of lava_dt.export.write_hdf5 or "
                "lava-dl's export_hdf5"
            )
        largest = _WIDENING * size + _SPARE
        fault = damage(path, largest)
        if fault is not None:
            raise NetworkFileError(f"{name} is damaged: {fault}")
        file = h5py.File(path, "r")
    try:
        yield Stored(file, str(name), "", [largest])
    finally:
        with contextlib.suppress(*_REFUSED):
            file.close()


class Stored:
    """A group of a network file.

    Args:
        group: its handle.
        file: the file's name.
        path: of the group in it.
        left: [bytes] that the file's numbers may still take in all, shared by all its groups.
    """

    def __init__(self, group: h5py.Group, file: str, path: str, left: list[int]) -> None:
        self._group, self._file, self._path, self._left = group, file, path, left

    def error(self, reason: str, name: str = "") -> NetworkFileError:
        """The error that ``reason`` is said of the dataset ``name`` of this group, or of the group."""
        at = f"{self._path}/{name}".strip("/")
        return NetworkFileError(f"{self._file}: {at or 'the file'} {reason}")

    def __contains__(self, name: str) -> bool:
        with _in_words(self._file, f"{self._path}/{name}".strip("/")):
            return self._group.get(name, getlink=True) is not None

    def __len__(self) -> int:
        with _in_words(self._file, self._path or "the file"):
            return len(self._group)

    def group(self, name: str) -> Stored:
        """A group in this one.

        Raises:
            NetworkFileError: there is none, or what there is is no group.
        """
        found = self._child(name)
        if not isinstance(found, h5py.Group):
            raise self.error("is a dataset where a group is needed", name)
        return Stored(found, self._file, f"{self._path}/{name}".strip("/"), self._left)

    def is_group(self, name: str) -> bool:
        return name in self and isinstance(self._child(name), h5py.Group)

    def numbers(self, name: str, ranks: tuple[int, ...], low: float, high: float, *, whole: bool = True) -> np.ndarray:
        """The numbers of a dataset: int64 where they must be whole, else float64.

        Raises:
            NetworkFileError: it is missing, has another number of axes or another type, or values out of range.
        """
        dataset = self._dataset(name)
        with _in_words(self._file, f"{self._path}/{name}"):
            if dataset.dtype.kind not in "iufb":
                raise self.error(f"holds {dataset.dtype} where numbers are needed", name)
            shape = dataset.shape
            if shape is None or len(shape) not in ranks or 0 in shape:
                wanted = " or ".join(map(str, ranks))
                raise self.error(f"has the shape {shape}: {wanted} axes are needed, none of them empty", name)
            self.claim(name, dataset.size * max(dataset.dtype.itemsize // 8, 1))
            values = np.asarray(dataset[()]).astype(np.float64)
        if not np.isfinite(values).all():
            raise self.error("holds values that are no finite numbers", name)
        if values.min() < low or values.max() > high:
            raise self.error(
                f"holds values from {values.min():g} to {values.max():g}: {low:g} to {high:g} is possible", name
            )
        if not whole:
            return values
        if np.abs(values).max() >= _EXACT or not np.array_equal(values, np.rint(values)):
            raise self.error("holds values that are not whole numbers", name)
        return values.astype(np.int64)

    def claim(self, name: str, count: int) -> None:
        """Takes the memory of so many numbers of 8 bytes.

        Raises:
            NetworkFileError: the file would need more than one of its size can hold, however often it is asked.
        """
        self._left[0] -= 8 * count
        if self._left[0] < 0:
            raise self.error(f"declares {count:,} numbers, more than a file of this size can hold", name)

    def number(self, name: str, low: float, high: float) -> int:
        """One whole number, an axis of length 1 around it or not."""
        values = self.numbers(name, (0, 1), low, high)
        if values.size != 1:
            raise self.error(f"holds {values.size} numbers where one is needed", name)
        return int(values.reshape(()))

    def text(self, name: str) -> str:
        """One short text, an axis of length 1 around it or not."""
        dataset = self._dataset(name)
        with _in_words(self._file, f"{self._path}/{name}"):
            string = h5py.check_string_dtype(dataset.dtype)
            if string is None or dataset.size != 1 or (string.length or 0) > _LONGEST:
                raise self.error(f"holds {dataset.dtype} of shape {dataset.shape} where one short text is needed", name)
            value = np.asarray(dataset[()]).reshape(()).item()
            text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        if len(text) > _LONGEST:
            raise self.error("holds a long text where the name of a type is needed", name)
        return text

    def attribute(self, name: str, kind: type, default: Any = None) -> Any:
        """An attribute as ``kind`` (int, float, bool or str); the default where there is none."""
        owner = self._path or "the file"
        with _in_words(self._file, f"the attribute {name} of {owner}"):
            if name not in self._group.attrs:
                return default
            if self._group.attrs.get_id(name).get_storage_size() > 16 * _LONGEST:
                raise NetworkFileError(f"{self._file}: the attribute {name} of {owner} is larger than one value")
            value = self._group.attrs[name]
        value = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, str) and len(value) > _LONGEST:
            raise NetworkFileError(f"{self._file}: the attribute {name} of {owner} is a text of {len(value):,} letters")
        wanted = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}[kind]
        if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
            given, needed = type(value).__name__, kind.__name__
            raise NetworkFileError(f"{self._file}: the attribute {name} of {owner} is {given} where {needed} is needed")
        return kind(value)

    def _child(self, name: str) -> Any:
        with _in_words(self._file, f"{self._path}/{name}".strip("/")):
            link = self._group.get(name, getlink=True)
            if link is None:
                raise self.error("is missing", name)
            if not isinstance(link, h5py.HardLink):
                raise self.error("is a link: a network file holds everything itself", name)
            return self._group[name]

    def _dataset(self, name: str) -> h5py.Dataset:
        found = self._child(name)
        if not isinstance(found, h5py.Dataset):
            raise self.error("is a group where a dataset is needed", name)
        with _in_words(self._file, f"{self._path}/{name}"):
            if found.is_virtual or found.external:
                raise self.error("lies in another file: a network file holds everything itself", name)
            if found.id.get_create_plist().get_nfilters():
                raise self.error("is compressed, which network files are not: rewrite it with h5repack -f NONE", name)
            if found.chunks is not None and math.prod(found.chunks) * found.dtype.itemsize > self._left[0]:
                raise self.error(f"lies in pieces of {found.chunks}, more than a file of this size can hold", name)
        return found


@contextlib.contextmanager
def _in_words(file: os.PathLike[str] | str, name: str) -> Iterator[None]:
    """Errors of h5py as a sentence with the file and what could not be read."""
    try:
        yield
    except NetworkFileError:
        raise
    except _REFUSED as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise NetworkFileError(f"{file}: {name} cannot be read, the file is damaged ({said[:200]})") from None
