"""Samples of a data set as a network takes them, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bats_dt import TimeGrid
from runs.config import ConfigError
from runs.data import latency_times, load_mnist, load_nmnist

Split = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Labelled samples.

    Attributes:
        name: what they are, in words.
        labels: (n,) digits.
        steps: of one sample, on the time axis of `spikes`.
        seconds: that a sample lasts.
        spikes: sample i as (neuron, steps) float32: events in each step, 0, 1 or more.
    """

    name: str
    labels: npt.NDArray[np.int64]
    steps: int
    seconds: float
    spikes: Callable[[int], npt.NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, n: int) -> npt.NDArray[np.float32]:
        """The first n samples, (n, neuron, steps)."""
        return np.stack([self.spikes(i) for i in range(min(n, len(self)))])


def recordings(folder: Path | None, split: Split, *, steps: int, dt: int, fine_step: float) -> Samples:
    """N-MNIST recordings, their events counted in bins of dt fine steps (the last one may be shorter).

    Args:
        folder: as `runs.data.load_nmnist` takes it.
        steps: fine steps from a recording's start; later events are left out.
        fine_step: seconds, whole microseconds.
    """
    microseconds = round(fine_step * 1e6)
    if microseconds < 1 or abs(microseconds - fine_step * 1e6) > 1e-3:
        raise ConfigError(
            f"the network's fine step is {fine_step:g} s, but N-MNIST's events are timed in whole microseconds: "
            "train and export it with a fine step of some"
        )
    events = load_nmnist(folder, split)

    def spikes(i: int) -> npt.NDArray[np.float32]:
        return events.bin([i], steps, dt, microseconds)[0]

    name = f"N-MNIST {split} recordings"
    bins = -(-steps // dt)
    return Samples(name=name, labels=events.labels, steps=bins, seconds=steps * fine_step, spikes=spikes)


def images(
    folder: Path | None,
    split: Split,
    *,
    steps: int,
    step: float,
    window: float,
    published_dt: float | None = None,
    dt: int = 1,
) -> Samples:
    """MNIST's images, one spike a pixel: at window * (1 - p / 255) seconds, moved up to the next step's beginning.

    Args:
        folder: as `runs.data.load_mnist` takes it.
        steps: of `step` seconds that an image lasts.
        window, published_dt: as `runs.data.latency_times` takes them.
        dt: steps in a bin (the last one may be shorter).
    """
    bins = -(-steps // dt)
    pictures = load_mnist(folder, split)
    values = np.arange(256, dtype=np.uint8)[:, None]
    times = TimeGrid(step).encode(latency_times(values, window, published_dt)[:, 0])
    index = np.where(np.isfinite(times), np.rint(times.astype(np.float64) / step), steps).astype(np.int64)

    def spikes(i: int) -> npt.NDArray[np.float32]:
        at = index[pictures.images[i].ravel()]
        pixels = np.flatnonzero(at < steps)
        array = np.zeros((at.size, bins), np.float32)
        array[pixels, at[pixels] // dt] = 1
        return array

    return Samples(
        name=f"MNIST {split} images", labels=pictures.labels, steps=bins, seconds=steps * step, spikes=spikes
    )
