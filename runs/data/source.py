"""Where the events of a set come from: arrays in memory or in a cache file, or images encoded when asked."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Channels: TypeAlias = npt.NDArray[Any]  # uint16, or int32 where there are more channels than that


class Chunk(NamedTuple):
    """Events of some samples: sample i's are ticks[starts[i] : ends[i]], with the channels beside them.

    ticks: int32, shape (n_events,), in time order within each channel of a sample.
    channels: uint16 or int32, shape (n_events,).
    starts, ends: int64, shape (samples,).
    """

    ticks: npt.NDArray[np.int32]
    channels: Channels
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


class Source(Protocol):
    """All samples of one split of a data set.

    name: data set and encoding, for people. shape: (columns, rows, polarities). n_classes: number of labels.
    tick: seconds a tick. duration: seconds of a sample that count. labels: int64, shape (n,).
    """

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def tick(self) -> float: ...
    @property
    def duration(self) -> float: ...
    @property
    def labels(self) -> npt.NDArray[np.int64]: ...

    def chunk(self, rows: npt.NDArray[np.int64], epoch: int) -> Chunk:
        """The events of the samples `rows`; `epoch` matters to encodings that draw anew in every epoch."""

    def sums(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """A checksum of the content of each of the samples, of whatever their events follow from."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredEvents:
    """Events in arrays, back to back; sample i holds the events offsets[i] ... offsets[i + 1] - 1.

    Args:
        ticks, channels: as `Chunk` has them.
        offsets: int64, shape (n + 1,), from 0 to n_events, never falling.
        name, shape, n_classes, tick, duration, labels: as `Source` has them.

    Raises:
        ValueError: arrays that do not fit each other.
    """

    ticks: npt.NDArray[np.int32]
    channels: Channels
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    name: str
    shape: tuple[int, int, int]
    n_classes: int
    tick: float
    duration: float

    def __post_init__(self) -> None:
        if self.ticks.ndim != 1 or self.channels.shape != self.ticks.shape:
            raise ValueError(
                f"ticks and channels have shapes {self.ticks.shape} and {self.channels.shape}: "
                "pass two arrays of one shape (n_events,)"
            )
        if self.offsets.shape != (len(self.labels) + 1,):
            raise ValueError(
                f"offsets has shape {self.offsets.shape} for {len(self.labels)} labels: "
                f"pass shape ({len(self.labels) + 1},)"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.ticks) or np.any(np.diff(self.offsets) < 0):
            raise ValueError(
                f"offsets run from {self.offsets[0]} to {self.offsets[-1]} for {len(self.ticks)} events: "
                "they must start at 0, never fall, and end at the number of events"
            )
        n_channels = int(np.prod(self.shape))
        if len(self.channels) and not 0 <= self.channels.min() <= self.channels.max() < n_channels:
            raise ValueError(
                f"channels run from {self.channels.min()} to {self.channels.max()}, but the shape {self.shape} "
                f"has the channels 0 ... {n_channels - 1}"
            )

    def chunk(self, rows: npt.NDArray[np.int64], epoch: int = 0) -> Chunk:
        return Chunk(self.ticks, self.channels, self.offsets[rows], self.offsets[rows + 1])

    def sums(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        found = np.empty(len(rows), np.uint32)
        for i, row in enumerate(rows):
            events = slice(self.offsets[row], self.offsets[row + 1])
            found[i] = zlib.crc32(self.channels[events].data, zlib.crc32(self.ticks[events].data))
        return found


def channel_type(n_channels: int) -> type[np.uint16] | type[np.int32]:
    """The smallest of the two types of `Chunk.channels` that holds the numbers 0 ... n_channels - 1."""
    return np.uint16 if n_channels <= 1 << 16 else np.int32
