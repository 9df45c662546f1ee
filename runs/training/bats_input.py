"""Data sets as spike times for BATS, on the grid or not."""

from __future__ import annotations

import zlib
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from bats_dt.backend import to_numpy
from runs.config import BatsConfig
from runs.data import EventSet, Images, latency_times
from runs.data.encoded import EncodedImages
from runs.training.bats_network import time_grid
from runs.training.datasets import open_split

Trains = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


class SpikeTrains(Protocol):
    """One split of a data set, as a network takes it.

    name: of the data. what: its samples. shape: (columns, rows, polarities) of the input. labels: int64, shape (n,).
    """

    name: str
    what: str
    shape: tuple[int, int, int]
    n_classes: int
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int: ...

    def take(self, indices: npt.NDArray[np.intp]) -> Trains:
        """Spike times [s] (batch, channels, slots), inf where there is none, and their numbers (batch, channels)."""

    def at_epoch(self, epoch: int) -> SpikeTrains:
        """The same with the draws of that epoch, where anything is drawn."""

    def checksum(self, crc: int) -> int:
        """CRC32 of the content, begun with that of something else."""


def spike_trains(config: BatsConfig, split: Literal["train", "test"]) -> SpikeTrains:
    """The split that the configuration names."""
    events = open_split(config, split)
    if config.encoding == "latency" and isinstance(events.source, EncodedImages):
        return _Pixels(config, events.source.data.take(events.rows), events.source.dataset, events.n_classes)
    return _Events(config, events)


class _Pixels:
    """Images, one spike a pixel: a table from the 256 values to times is all that it takes."""

    what = "images"

    def __init__(self, config: BatsConfig, images: Images, name: str, n_classes: int) -> None:
        self.name, self.n_classes = name, n_classes
        self.shape, self.labels = (images.images.shape[2], images.images.shape[1], 1), images.labels
        self._images = images
        self._time = _time_of_pixel(config)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.intp]) -> Trains:
        times = self._time[self._images.images[indices]].reshape(len(indices), -1, 1)
        return times, np.isfinite(times[..., 0]).astype(np.int32)

    def at_epoch(self, epoch: int) -> _Pixels:
        return self

    def checksum(self, crc: int) -> int:
        return zlib.crc32(self.labels.tobytes(), zlib.crc32(self._images.images.tobytes(), crc))


class _Events:
    """Events of any kind, as many a channel as there are."""

    what = "samples"

    def __init__(self, config: BatsConfig, events: EventSet) -> None:
        self.name, self.shape, self.n_classes, self.labels = events.name, events.shape, events.n_classes, events.labels
        self._config, self._events = config, events

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.intp]) -> Trains:
        times, counts = self._events.spike_trains(indices)
        grid = time_grid(self._config) if self._config.grid_inputs else None
        return (times if grid is None else to_numpy(grid.encode(times))), counts

    def at_epoch(self, epoch: int) -> _Events:
        return _Events(self._config, self._events.at_epoch(epoch))

    def checksum(self, crc: int) -> int:
        return zlib.crc32(self._events.crc32.to_bytes(4, "little"), crc)


def _time_of_pixel(config: BatsConfig) -> npt.NDArray[np.float32]:
    """When a pixel of each of the 256 values spikes, in seconds; inf: never."""
    values, grid = np.arange(256, dtype=np.uint8)[:, None], time_grid(config)
    times = latency_times(values, config.window, config.dt if config.published_pixels else None)[:, 0]
    return times if grid is None or not config.grid_inputs else to_numpy(grid.encode(times))
