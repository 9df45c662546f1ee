"""Event recordings in memory, and their counts in time bins of any width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.data.numbers import positive_whole
from runs.data.selection import selected


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings of an event camera, back to back; i holds the events offsets[i] ... offsets[i + 1] - 1.

    Args:
        t: int32, shape (n_events,), microseconds since the start of its recording, sorted in each recording.
        x: uint8, shape (n_events,), column, 0 ... shape[2] - 1.
        y: uint8, shape (n_events,), row, 0 ... shape[1] - 1.
        polarity: uint8, shape (n_events,), 0 ... shape[0] - 1.
        offsets: int64, shape (n + 1,), from 0 to n_events, never falling.
        labels: int64, shape (n,).
        shape: (polarities, rows, columns) of the camera.

    Raises:
        ValueError: arrays that do not fit each other, or events outside the camera.
    """

    t: npt.NDArray[np.int32]
    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.uint8]
    polarity: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    shape: tuple[int, int, int] = (2, 34, 34)

    def __post_init__(self) -> None:
        n = len(self.labels)
        if any(array.shape != self.t.shape for array in (self.x, self.y, self.polarity)) or self.t.ndim != 1:
            raise ValueError(
                f"t, x, y and polarity have shapes {self.t.shape}, {self.x.shape}, {self.y.shape} and "
                f"{self.polarity.shape}: pass four arrays of one shape (n_events,)"
            )
        if self.offsets.shape != (n + 1,):
            raise ValueError(
                f"offsets has shape {self.offsets.shape} for {n} labels: pass shape ({n + 1},), "
                "the first event of each recording and the number of all events"
            )
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.t) or np.any(np.diff(self.offsets) < 0):
            raise ValueError(
                f"offsets run from {self.offsets[0]} to {self.offsets[-1]} for {len(self.t)} events: "
                "they must start at 0, never fall, and end at the number of events"
            )
        for name, array, size in zip(("polarity", "y", "x"), (self.polarity, self.y, self.x), self.shape, strict=True):
            if len(array) and (array.min() < 0 or array.max() >= size):
                raise ValueError(
                    f"{name} runs from {array.min()} to {array.max()} but the camera has shape "
                    f"{self.shape}: {name} must lie in 0 ... {size - 1}"
                )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        """Number of input channels, polarities * rows * columns."""
        polarities, rows, columns = self.shape
        return polarities * rows * columns

    def take(self, indices: npt.ArrayLike | slice) -> Recordings:
        """The recordings at `indices` (integers, a boolean mask or a slice), in that order, copied."""
        rows = selected(indices, len(self))
        events, counts = self._events(rows)
        return Recordings(
            t=self.t[events],
            x=self.x[events],
            y=self.y[events],
            polarity=self.polarity[events],
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            labels=self.labels[rows],
            shape=self.shape,
        )

    def bin(
        self,
        indices: npt.ArrayLike | slice,
        steps: int,
        dt: int = 1,
        step_us: int = 1000,
        saturate: bool = False,
    ) -> npt.NDArray[np.float32]:
        """Counts events in half-open time bins.

        Bin m covers [m * dt * step_us, (m + 1) * dt * step_us) within the window [0, steps * step_us). Where
        dt does not divide steps the last bin is shorter, so the counts of all bins sum to the events in the
        window at every dt.

        Args:
            indices: recordings, integers, a boolean mask or a slice.
            steps: length of the window, in fine steps.
            dt: width of a bin, in fine steps.
            step_us: length of a fine step, in microseconds.
            saturate: 1 wherever there is an event, instead of the count.

        Returns:
            float32, shape (batch, channels, ceil(steps / dt)); channel (polarity * rows + y) * columns + x.

        Raises:
            ValueError: steps, dt or step_us below 1.
            TypeError: steps, dt or step_us that is not an integer.
        """
        row, channel, bin_of, bins = self._cells(indices, steps, dt, step_us)
        n_rows = len(selected(indices, len(self)))
        cell = (row * self.channels + channel) * bins + bin_of

        binned = np.zeros(n_rows * self.channels * bins, dtype=np.float32)
        if saturate:
            binned[cell] = 1.0
        else:
            # Writes only the cells with events: over 99 % stay zero, so np.bincount over all is slower.
            np.add.at(binned, cell, np.float32(1.0))
        return binned.reshape(n_rows, self.channels, bins)

    def listed(
        self, indices: npt.ArrayLike | slice, steps: int, dt: int = 1, step_us: int = 1000
    ) -> tuple[npt.NDArray[np.int64], tuple[int, int, int]]:
        """The events of `bin` as a list, for a sparse tensor: nothing is counted, so an index may come several times.

        Returns:
            (3, events) indices (recording, channel, bin), and the shape that `bin` would give.

        Raises:
            ValueError, TypeError: as `bin`.
        """
        row, channel, bin_of, bins = self._cells(indices, steps, dt, step_us)
        return np.stack([row, channel, bin_of]), (len(selected(indices, len(self))), self.channels, bins)

    def _cells(
        self, indices: npt.ArrayLike | slice, steps: int, dt: int, step_us: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Recording, channel and bin of every event in the window, and the number of bins."""
        step_us = positive_whole("step_us", step_us)
        window, width = positive_whole("steps", steps) * step_us, positive_whole("dt", dt) * step_us
        rows = selected(indices, len(self))
        events, counts = self._events(rows)
        row = np.repeat(np.arange(len(rows)), counts)
        t = self.t[events].astype(np.int64)
        inside = (t >= 0) & (t < window)
        if not inside.all():
            events, row, t = events[inside], row[inside], t[inside]
        _, n_rows, n_columns = self.shape
        polarity = self.polarity[events].astype(np.int64)
        channel = (polarity * n_rows + self.y[events]) * n_columns + self.x[events]
        return row, channel, t // width, -(-window // width)

    def _events(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Positions of the events of the recordings `rows`, one after the other, and how many each has."""
        starts = self.offsets[rows]
        counts = self.offsets[rows + 1] - starts
        before = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(starts - before, counts), counts
