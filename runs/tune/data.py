"""Labelled samples that a network is tuned and judged on, binned to any step without their fine steps in between."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from bats_dt import TimeGrid
from runs.config import ConfigError
from runs.data import EventSet, Images, latency_times, load_events, load_mnist
from runs.data.selection import selected
from runs.tune.arrays import ArraySamples as ArraySamples
from runs.tune.arrays import halves, read_arrays
from runs.tune.network import Tunable

CALIBRATION = 1000

Indices = Any  # integers, a boolean mask or a slice
Split = Literal["train", "test"]


class Labelled(Protocol):
    """Samples of one split.

    name: what they are, for people. labels: int64, shape (n,). shape: of a sample, as the network takes it, without
    time. steps: fine steps of the network that a sample lasts. seconds: the same in seconds.
    """

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> npt.NDArray[np.int64]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def steps(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def checksum(self) -> str:
        """Of content, labels, order and encoding."""

    def __len__(self) -> int: ...

    def take(self, indices: Indices) -> Labelled:
        """The samples at `indices`, in that order."""

    def batch(self, indices: Indices, dt: int = 1, sparse: bool = False) -> Any:
        """Spikes, a tensor (batch, *shape, ceil(steps / dt)) float32: `lava_dt.rebin` of the fine steps, exactly.

        Args:
            indices: of the samples.
            dt: fine steps in a bin; the last bin may be shorter.
            sparse: as an uncoalesced ``torch.sparse_coo_tensor``, in which a count is the sum of its entries.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class EventSamples:
    """Recordings of an event camera, as `Labelled`.

    Args:
        events: the recordings.
        shape: of a sample.
        recorded_steps: of a recording; per_step of them are a step of the network.
        recorded_step: [s].
    """

    events: EventSet
    shape: tuple[int, ...]
    recorded_steps: int
    recorded_step: float
    per_step: int = 1

    def __len__(self) -> int:
        return len(self.events)

    @property
    def name(self) -> str:
        return f"{self.events.name} recordings"

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return self.events.labels

    @property
    def steps(self) -> int:
        return -(-self.recorded_steps // self.per_step)

    @property
    def seconds(self) -> float:
        return self.recorded_steps * self.recorded_step

    @property
    def checksum(self) -> str:
        said = f"{self.shape} {self.recorded_steps} {self.recorded_step!r} {self.per_step}"
        return f"{zlib.crc32(said.encode(), self.events.crc32):08x}"

    def take(self, indices: Indices) -> EventSamples:
        return replace(self, events=self.events.take(indices))

    def batch(self, indices: Indices, dt: int = 1, sparse: bool = False) -> Any:
        import torch

        window = self.recorded_steps, dt * self.per_step, self.recorded_step
        if sparse:
            cells, (n, _, bins) = self.events.listed(indices, *window)
            return _sparse(cells[0], cells[1], cells[2], (n, *self.shape, bins))
        counts = self.events.bin(indices, *window)
        return torch.from_numpy(counts).reshape(len(counts), *self.shape, counts.shape[-1])


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSamples:
    """Images with one spike a pixel, as `Labelled`: at window * (1 - p / 255) seconds, moved up to the next step.

    Args:
        pictures: the images.
        shape: of a sample.
        steps: that an image lasts.
        step: [s].
        window, published_dt: as `runs.data.latency_times` takes them.
    """

    pictures: Images
    shape: tuple[int, ...]
    steps: int
    step: float
    window: float
    published_dt: float | None = None

    name = "MNIST images"

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def images(self) -> npt.NDArray[np.uint8]:
        """uint8, (n, 28, 28)."""
        return self.pictures.images

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return self.pictures.labels

    @property
    def seconds(self) -> float:
        return self.steps * self.step

    @property
    def checksum(self) -> str:
        said = f"{self.shape} {self.steps} {self.step!r} {self.window!r} {self.published_dt!r}"
        crc = zlib.crc32(np.ascontiguousarray(self.images).data, zlib.crc32(said.encode()))
        return f"{zlib.crc32(self.labels.astype('<i8').data, crc):08x}"

    def take(self, indices: Indices) -> ImageSamples:
        return replace(self, pictures=self.pictures.take(indices))

    def batch(self, indices: Indices, dt: int = 1, sparse: bool = False) -> Any:
        rows = selected(indices, len(self))
        at = self._step_of_value()[self.images[rows].reshape(len(rows), -1)]
        sample, pixel = np.nonzero(at < self.steps)
        spikes = _sparse(sample, pixel, at[sample, pixel] // dt, (len(rows), *self.shape, -(-self.steps // dt)))
        return spikes if sparse else spikes.to_dense()

    def _step_of_value(self) -> npt.NDArray[np.int64]:
        """The step in which a pixel of each of the 256 values spikes; `steps` or more: never."""
        values = np.arange(256, dtype=np.uint8)[:, None]
        times = TimeGrid(self.step).encode(latency_times(values, self.window, self.published_dt)[:, 0])
        there = np.isfinite(times)
        return np.where(there, np.rint(np.where(there, times, 0).astype(np.float64) / self.step), self.steps).astype(
            np.int64
        )


def open_data(
    folder: Path | str | None,
    tunable: Tunable,
    calibration: int | None = CALIBRATION,
    test: int | None = None,
    seed: int = 0,
) -> tuple[Labelled, Labelled]:
    """Two sets that share no sample: one to choose and train on, and one that only judges.

    Args:
        folder: of N-MNIST or MNIST, whichever the network takes, whose training and test splits these are; None: the
            one a run was trained on, else what is shipped. Or a ``.npz`` file with ``spikes`` (n, *shape, steps),
            counts in fine steps, and ``labels`` (n,), of which a shuffled half is each.
        tunable: the network.
        calibration: so many of the training split, the first ones once it is shuffled; None: all.
        test: so many of the test split, the first ones; None: all.
        seed: of the shuffles.

    Returns:
        Calibration and test set.

    Raises:
        ConfigError: data that the network does not take, or numbers that make no sense.
        FileNotFoundError, ValueError: as `runs.data` says it.
    """
    for name, number in (("calibration", calibration), ("test", test)):
        if number is not None and number < 1:
            raise ConfigError(f"{name} is {number}: give a number of samples, 1 or more, or none for all")
    train: Labelled
    judged: Labelled
    if folder is not None and Path(folder).suffix == ".npz":
        train, judged = halves(read_arrays(Path(folder), tunable), seed)
    else:
        train, judged = (_split(None if folder is None else Path(folder), tunable, split) for split in _SPLITS)
    order = np.random.default_rng([seed, 0]).permutation(len(train))[:calibration]
    return train.take(order), judged if test is None or test >= len(judged) else judged.take(slice(test))


_SPLITS: tuple[Split, Split] = ("train", "test")


def _split(folder: Path | None, tunable: Tunable, split: Split) -> Labelled:
    encoding, shape = tunable.encoding, tunable.shape
    if encoding is None or shape is None:
        raise ConfigError(
            f"{tunable.name} takes neither N-MNIST's recordings nor images that it says how to encode: give its data "
            "as a .npz file with spikes (n, *shape, steps) and labels (n,)"
        )
    folder = tunable.data if folder is None else folder
    recorded = tunable.fine_step / tunable.per_step
    if encoding.window is None:
        with _without_download():
            events = load_events("nmnist", split, folder=folder, end=encoding.steps * recorded)
        return EventSamples(
            events=events,
            shape=shape,
            recorded_steps=encoding.steps,
            recorded_step=recorded,
            per_step=tunable.per_step,
        )
    with _without_download():
        pictures = load_mnist(folder, split)
    return ImageSamples(
        pictures=pictures,
        shape=shape,
        steps=-(-encoding.steps // tunable.per_step),
        step=tunable.fine_step,
        window=encoding.window,
        published_dt=encoding.published_dt,
    )


@contextmanager
def _without_download() -> Iterator[None]:
    """Says of data that are not there by which command they are fetched: tune has no --download of its own."""
    try:
        yield
    except FileNotFoundError as error:
        told = str(error).replace("with --download", "by lava-dt train with --data DIR --download")
        raise FileNotFoundError(told) from None


def _sparse(sample: Any, neuron: Any, step: Any, shape: tuple[int, ...]) -> Any:
    """A sparse tensor with ones at (sample, neuron counted through the sample's shape, step)."""
    import torch

    inner = np.unravel_index(neuron, shape[1:-1]) if len(shape) > 3 else (neuron,)
    cells = torch.from_numpy(np.stack([sample, *inner, step]).astype(np.int64))
    return torch.sparse_coo_tensor(cells, torch.ones(cells.shape[1]), shape, check_invariants=False)
