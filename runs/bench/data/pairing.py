"""Which images the recordings are of: recording number n of N-MNIST shows image n of MNIST, counted from 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runs.data import Images, load_mnist, load_nmnist
from runs.data.load import nmnist_events
from runs.data.nmnist import recording_numbers
from runs.data.source import StoredEvents


@dataclass(frozen=True, eq=False)
class Pairs:
    """Recordings, and images of the same digits.

    Args:
        events: all recordings.
        rows: those that are compared, by halves: those that the camera was fitted to (of even number) and others.
        images: an image for each of `rows`, by halves.
        same: whether these are the very images that were recorded; otherwise they only have the same labels.
    """

    events: StoredEvents
    rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    images: tuple[Images, Images]
    same: bool


def pair(mnist: Path | None, nmnist: Path | None, count: int) -> Pairs:
    """The first split of N-MNIST, at most `count` recordings of it, evenly over all, with images of MNIST."""
    events, numbers = nmnist_events(load_nmnist(nmnist, "train")), recording_numbers(nmnist, "train")
    images = load_mnist(mnist, "train")
    same = numbers.max() <= len(images) and bool(np.all(images.labels[numbers - 1] == events.labels))
    halves = [np.flatnonzero(numbers % 2 == odd) for odd in (0, 1)]
    rows = [half[np.linspace(0, len(half) - 1, min(count // 2, len(half))).astype(np.int64)] for half in halves]
    shown = [images.take(numbers[half] - 1 if same else _of_labels(images, events.labels[half])) for half in rows]
    return Pairs(events, (rows[0], rows[1]), (shown[0], shown[1]), same)


def _of_labels(images: Images, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """An image of each of the labels, the first ones of each, none twice as long as there are enough."""
    found = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        there, wanted = np.flatnonzero(images.labels == label), np.flatnonzero(labels == label)
        found[wanted] = np.resize(there, len(wanted))
    return found
