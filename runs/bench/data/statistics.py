"""What recordings of a camera look like on average, and how far two sets of them are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.data.saccade import SECONDS, SIDE
from runs.data.source import StoredEvents

Floats = npt.NDArray[np.float64]

_BIN = 5e-3
_SLOW_BIN = 10e-3
_MOST = 20
GAPS = (5, 25, 50, 75)
SACCADES = 3


@dataclass(frozen=True, eq=False)
class Statistics:
    """Means over recordings, of the events in the first 0.3 s.

    Args:
        events: events of each recording, shape (n,).
        on_share: share of ON events.
        in_time: events a recording in bins of 5 ms, OFF and ON, shape (2, 60).
        in_columns, in_rows: events a recording by column and by row, shape (34,).
        centre: mean x and y of the OFF and of the ON events in bins of 10 ms, shape (30, 2, 2); nan: none.
        busy: how many channels a recording have 1, 2, ... 20 or more events, shape (20,).
        gaps: milliseconds between one event of a pixel and its next: percentiles 5, 25, 50, 75.
    """

    events: Floats
    on_share: float
    in_time: Floats
    in_columns: Floats
    in_rows: Floats
    centre: Floats
    busy: Floats
    gaps: Floats

    @property
    def active(self) -> float:
        """Channels with at least one event, a recording."""
        return float(self.busy.sum())

    def in_saccade(self) -> Floats:
        """Events a recording in each third of the time."""
        return self.in_time.sum(0).reshape(SACCADES, -1).sum(1)

    def peaks(self) -> Floats:
        """Where the events' mean time lies in each third, in milliseconds from its beginning."""
        rate = self.in_time.sum(0).reshape(SACCADES, -1)
        return 1e3 * (rate * (np.arange(rate.shape[1]) + 0.5)).sum(1) / rate.sum(1) * _BIN

    def extent(self) -> tuple[float, float]:
        """Standard deviation of the events' columns and of their rows, in pixels."""
        return _deviation(self.in_columns), _deviation(self.in_rows)

    def pixel_rate(self) -> float:
        """Events a second of a channel, the mean over those with events."""
        return float(self.events.mean() / self.active / SECONDS)


def describe(events: StoredEvents, rows: npt.NDArray[np.int64] | None = None) -> Statistics:
    """The statistics of the recordings `rows` of N-MNIST or of what looks like it; None: of all."""
    rows = np.arange(len(events.labels)) if rows is None else rows
    counts = events.offsets[rows + 1] - events.offsets[rows]
    spans = [np.arange(events.offsets[row], events.offsets[row + 1]) for row in rows]
    places = np.concatenate([np.empty(0, np.int64), *spans])
    recording = np.repeat(np.arange(len(rows)), counts)
    seconds = events.ticks[places] * events.tick
    inside = seconds < SECONDS
    recording, seconds, channel = recording[inside], seconds[inside], events.channels[places[inside]].astype(np.int64)
    polarity, pixel = np.divmod(channel, SIDE * SIDE)
    n = len(rows)
    bins, slow = round(SECONDS / _BIN), round(SECONDS / _SLOW_BIN)
    at = np.minimum((seconds / _BIN).astype(np.int64), bins - 1)
    busy = np.bincount(recording * 2 * SIDE * SIDE + channel)
    return Statistics(
        events=np.bincount(recording, minlength=n).astype(np.float64),
        on_share=float(polarity.mean()),
        in_time=np.bincount(polarity * bins + at, minlength=2 * bins).reshape(2, bins) / n,
        in_columns=np.bincount(pixel % SIDE, minlength=SIDE) / n,
        in_rows=np.bincount(pixel // SIDE, minlength=SIDE) / n,
        centre=_centres(np.minimum((seconds / _SLOW_BIN).astype(np.int64), slow - 1) * 2 + polarity, pixel, 2 * slow),
        busy=np.bincount(np.minimum(busy[busy > 0], _MOST) - 1, minlength=_MOST) / n,
        gaps=_gaps(recording * SIDE * SIDE + pixel, seconds),
    )


def distances(one: Statistics, other: Statistics) -> dict[str, float]:
    """How far two sets are apart, term by term: 0 where they agree, about 1 where they have nothing in common.

    Histograms are compared by the share of events that would have to move; numbers by the log of their ratio; the
    centres by their distance in pixels, divided by 5, weighted by the events in the bin.
    """
    weight = np.repeat(other.in_time, 1, axis=0).reshape(2, -1, 2).sum(-1).T
    apart = np.nan_to_num(np.linalg.norm(one.centre - other.centre, axis=-1), nan=5.0)
    return {
        "events": abs(float(np.log(one.events.mean() / other.events.mean()))),
        "spread of events": 0.3 * abs(float(np.log(one.events.std() / other.events.std()))),
        "ON share": 4 * abs(one.on_share - other.on_share),
        "time": _moved(one.in_time, other.in_time),
        "columns": _moved(one.in_columns, other.in_columns),
        "rows": _moved(one.in_rows, other.in_rows),
        "centre": float((weight * apart).sum() / weight.sum()) / 5,
        "events of a channel": _moved(one.busy, other.busy),
        "active channels": abs(float(np.log(one.active / other.active))),
        "gaps": float(np.abs(np.log(one.gaps / other.gaps)).mean()) / 2,
    }


def _moved(one: Floats, other: Floats) -> float:
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def _deviation(histogram: Floats) -> float:
    places = np.arange(len(histogram))
    mean = (places * histogram).sum() / histogram.sum()
    return float(np.sqrt(((places - mean) ** 2 * histogram).sum() / histogram.sum()))


def _centres(cell: npt.NDArray[np.int64], pixel: npt.NDArray[np.int64], cells: int) -> Floats:
    count = np.bincount(cell, minlength=cells)
    with np.errstate(invalid="ignore"):
        places = [np.bincount(cell, place, minlength=cells) / count for place in (pixel % SIDE, pixel // SIDE)]
    return np.stack(places, -1).reshape(-1, 2, 2)


def _gaps(pixel: npt.NDArray[np.int64], seconds: Floats) -> Floats:
    order = np.lexsort((seconds, pixel))
    gaps = np.diff(seconds[order])[np.diff(pixel[order]) == 0]
    return 1e3 * np.percentile(gaps, GAPS) if len(gaps) else np.full(len(GAPS), np.inf)
