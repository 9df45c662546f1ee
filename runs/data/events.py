"""`EventSet`: labelled spikes of any data set, as both models take them, at any step."""

from __future__ import annotations

import dataclasses
import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bats_dt.kernels.threads import run_pieces
from runs.data import kernels
from runs.data.numbers import positive_whole
from runs.data.selection import selected
from runs.data.source import Chunk, Source


@dataclass(frozen=True, eq=False)
class EventSet:
    """Samples of a data set as events (time, channel); nothing is copied or encoded until a batch is asked for.

    `load_events` makes them. A channel is (polarity * n_rows + row) * n_columns + column, where
    shape = (n_columns, n_rows, n_polarities).

    Args:
        source: all samples of the split.
        rows: int64, which of them are in this set, in order.
        start: time of the samples that is the set's 0, in seconds; earlier events are left out.
        duration: seconds that count; later events are left out of the spike trains.
        epoch: for encodings that draw anew in every epoch; others ignore it.
    """

    source: Source
    rows: npt.NDArray[np.int64]
    start: float
    duration: float
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def name(self) -> str:
        """Data set and encoding, for people."""
        return self.source.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(columns, rows, polarities) of the input."""
        return self.source.shape

    @property
    def n_channels(self) -> int:
        return math.prod(self.source.shape)

    @property
    def n_classes(self) -> int:
        return self.source.n_classes

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """int64, shape (n,), 0 ... n_classes - 1."""
        return self.source.labels[self.rows]

    @property
    def crc32(self) -> int:
        """A checksum of the samples' content and labels, their order, their encoding and the window; not the epoch."""
        said = f"{self.name}, shape {self.shape}, start {self.start!r}, duration {self.duration!r}"
        crc = zlib.crc32(self.source.sums(self.rows).astype("<u4").data, zlib.crc32(said.encode()))
        return zlib.crc32(self.labels.astype("<i8").data, crc)

    def take(self, indices: npt.ArrayLike | slice) -> EventSet:
        """The samples at `indices` (integers, a boolean mask or a slice), in that order; no event is copied."""
        return dataclasses.replace(self, rows=self.rows[selected(indices, len(self))])

    def at_epoch(self, epoch: int) -> EventSet:
        """The set as it is in that epoch: Poisson spikes are drawn anew, everything else stays as it is."""
        return dataclasses.replace(self, epoch=epoch)

    def bin(
        self, indices: npt.ArrayLike | slice, steps: int, per_bin: int = 1, step: float = 1e-3
    ) -> npt.NDArray[np.float32]:
        """Counts events in half-open time bins.

        Bin m covers [m * per_bin * step, (m + 1) * per_bin * step) within the window [0, steps * step). Where per_bin
        does not divide steps the last bin is shorter, so the counts of all bins sum to the events in the window.

        Args:
            indices: samples, integers, a boolean mask or a slice.
            steps: length of the window, in fine steps.
            per_bin: width of a bin, in fine steps.
            step: length of a fine step, in seconds.

        Returns:
            float32, shape (batch, channels, ceil(steps / per_bin)).

        Raises:
            ValueError: steps, per_bin or step that is not positive.
            TypeError: steps or per_bin that is not an integer.
        """
        chunk, low, high, bins_a_tick, bins = self._window(indices, steps, per_bin, step)
        binned = np.zeros((len(chunk.starts), self.n_channels, bins), np.float32)

        def piece(first: int, end: int) -> None:
            kernels.fill_bins(*chunk, low, high, bins_a_tick, binned, first, end)

        run_pieces(len(chunk.starts), piece, _events(chunk))
        return binned

    def listed(
        self, indices: npt.ArrayLike | slice, steps: int, per_bin: int = 1, step: float = 1e-3
    ) -> tuple[npt.NDArray[np.int64], tuple[int, int, int]]:
        """The events of `bin` as a list, for a sparse tensor: nothing is counted, so an index may come several times.

        Returns:
            int64 (3, events) indices (sample, channel, bin), and the shape that `bin` would give.

        Raises:
            ValueError, TypeError: as `bin`.
        """
        chunk, low, high, bins_a_tick, bins = self._window(indices, steps, per_bin, step)
        n = len(chunk.starts)
        counts = np.zeros(n, np.int64)

        def count(first: int, end: int) -> None:
            kernels.count_inside(chunk.ticks, chunk.starts, chunk.ends, low, high, counts, first, end)

        run_pieces(n, count, _events(chunk))
        places = np.cumsum(counts) - counts
        cells = np.empty((3, int(counts.sum())), np.int64)

        def fill(first: int, end: int) -> None:
            kernels.list_cells(*chunk, low, high, bins_a_tick, places, cells, first, end)

        run_pieces(n, fill, _events(chunk))
        return cells, (n, self.n_channels, bins)

    def spike_trains(
        self, indices: npt.ArrayLike | slice, max_spikes: int | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Spike times as bats_dt takes them, of the events in [0, duration).

        Args:
            indices: samples, integers, a boolean mask or a slice.
            max_spikes: slots of a channel; None: as many as the busiest channel of these samples needs, at least one.
                A channel keeps its first ones; `lost_spikes` tells how many others there are.

        Returns:
            times: float32, seconds, shape (batch, channels, slots), rising, inf at the end.
            counts: int32, shape (batch, channels), how many of the slots are filled.

        Raises:
            ValueError, TypeError: max_spikes that is not a whole number of 1 or more.
        """
        slots = None if max_spikes is None else positive_whole("max_spikes", max_spikes)
        chunk, low, high = self._chunk(indices, self.duration)
        n = len(chunk.starts)
        if slots is None:
            slots = max(1, int(self._counts(chunk, low, high).max(initial=0)))
        times = np.full((n, self.n_channels, slots), np.inf, np.float32)
        counts = np.zeros((n, self.n_channels), np.int32)

        def fill(first: int, end: int) -> None:
            kernels.fill_trains(*chunk, low, high, self.source.tick, times, counts, first, end)

        run_pieces(n, fill, _events(chunk))
        return times, counts

    def event_counts(self, indices: npt.ArrayLike | slice) -> npt.NDArray[np.int32]:
        """Events of every channel in [0, duration), int32, shape (batch, channels)."""
        return self._counts(*self._chunk(indices, self.duration))

    def lost_spikes(self, indices: npt.ArrayLike | slice, max_spikes: int) -> int:
        """Events in [0, duration) that `spike_trains` leaves out for want of slots."""
        return int(np.maximum(self.event_counts(indices) - positive_whole("max_spikes", max_spikes), 0).sum())

    def _counts(self, chunk: Chunk, low: int, high: int) -> npt.NDArray[np.int32]:
        counts = np.zeros((len(chunk.starts), self.n_channels), np.int32)

        def piece(first: int, end: int) -> None:
            kernels.count_channels(*chunk, low, high, counts, first, end)

        run_pieces(len(chunk.starts), piece, _events(chunk))
        return counts

    def _chunk(self, indices: npt.ArrayLike | slice, seconds: float) -> tuple[Chunk, int, int]:
        """The samples' events, and the first tick of a window of so many seconds and the first one after it."""
        rows = self.rows[selected(indices, len(self))]
        low = math.ceil(self.start / self.source.tick - kernels.EDGE)
        high = low + math.ceil(seconds / self.source.tick - kernels.EDGE)
        return self.source.chunk(rows, self.epoch), low, high

    def _window(
        self, indices: npt.ArrayLike | slice, steps: int, per_bin: int, step: float
    ) -> tuple[Chunk, int, int, float, int]:
        steps, per_bin = positive_whole("steps", steps), positive_whole("per_bin", per_bin)
        if not (math.isfinite(step) and step > 0):
            raise ValueError(f"step came as {step}: pass a positive time in seconds, such as 0.001")
        chunk, low, high = self._chunk(indices, steps * step)
        return chunk, low, high, self.source.tick / (per_bin * step), -(-steps // per_bin)


def _events(chunk: Chunk) -> int:
    return int((chunk.ends - chunk.starts).sum())
