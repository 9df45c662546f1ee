"""SHD and DVS Gesture, fetched and read by tonic: an optional extra, only imported, for its licence is the GPL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from runs.data.source import StoredEvents, channel_type


@dataclass(frozen=True, kw_only=True)
class TonicSet:
    """A data set that tonic reads.

    Args:
        title: its name, for people.
        kind: name of tonic's class, and of the folder in which it keeps the files.
        present: paths below that folder that are there once a split has been fetched, training set first.
        shape: (columns, rows, polarities).
        n_classes: number of labels.
        seconds: how much of a sample counts, where nothing else is said.
        from_first: whether a sample's 0 is its first event; otherwise the files' times are its times.
    """

    title: str
    kind: Literal["SHD", "DVSGesture"]
    present: tuple[str, str]
    shape: tuple[int, int, int]
    n_classes: int
    seconds: float
    from_first: bool


TONIC_SETS = {
    "shd": TonicSet(
        title="SHD",
        kind="SHD",
        present=("shd_train.h5", "shd_test.h5"),
        shape=(700, 1, 1),
        n_classes=20,
        seconds=1.4,
        from_first=False,
    ),
    "dvsgesture": TonicSet(
        title="DVS Gesture",
        kind="DVSGesture",
        present=("ibmGestureTrain", "ibmGestureTest"),
        shape=(128, 128, 2),
        n_classes=11,
        seconds=6.0,
        from_first=True,
    ),
}


def tonic_files(dataset: str, folder: Path | None, split: Literal["train", "test"]) -> Path:
    """The file or folder of a split, below the folder that tonic was told to save to.

    Raises:
        ValueError: no folder is given: nothing of these sets is shipped.
        FileNotFoundError: tonic has not put the split there.
    """
    told = TONIC_SETS[dataset]
    if folder is None:
        raise ValueError(f"nothing of {told.title} is shipped: pass the folder that tonic saves it to")
    path = folder / told.kind / told.present[split == "test"]
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: pass the folder that tonic saved {told.title} to, "
            f"or fetch it with runs.data.download_dataset({dataset!r}, folder)"
        )
    return path


def fetch_with_tonic(dataset: str, folder: Path) -> None:
    """Lets tonic fetch both splits of a data set, unless they are there; errors as tonic's own.

    Raises:
        ImportError: tonic is not installed.
    """
    for train in (True, False):
        _opened(dataset, folder, train)


def read_with_tonic(dataset: str, folder: Path, split: Literal["train", "test"]) -> StoredEvents:
    """Reads one split, in the order of the file or of the files' names.

    Raises:
        ImportError: tonic is not installed.
        ValueError: events outside the sensor.
    """
    told = TONIC_SETS[dataset]
    ticks, channels, labels = [], [], []
    for events, label in _samples(_opened(dataset, folder, split == "train")):
        t, channel = _flat(events, told)
        ticks.append(t)
        channels.append(channel)
        labels.append(label)
    counts = [len(t) for t in ticks]
    return StoredEvents(
        ticks=np.concatenate([np.empty(0, np.int32), *ticks]),
        channels=np.concatenate([np.empty(0, channel_type(int(np.prod(told.shape)))), *channels]),
        offsets=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
        labels=np.array(labels, np.int64),
        name=told.title,
        shape=told.shape,
        n_classes=told.n_classes,
        tick=1e-6,
        duration=told.seconds,
    )


def _opened(dataset: str, folder: Path, train: bool) -> Any:
    told = TONIC_SETS[dataset]
    try:
        from tonic import datasets
    except ImportError as error:
        raise ImportError(
            f"{told.title} is read with tonic, and {error.name or 'a part of it'} cannot be imported: "
            'install it with pip install "lava-dt[tonic]"'
        ) from error
    return getattr(datasets, told.kind)(save_to=str(folder), train=train)


def _samples(opened: Any) -> Iterator[tuple[npt.NDArray[Any], int]]:
    """All samples; where they are files, by their names: the order of a folder is that of the file system."""
    order = np.argsort(opened.data) if len(opened.data) else range(len(opened))
    for number in order:
        events, label = opened[int(number)]
        yield events, int(label)


def _flat(events: npt.NDArray[Any], told: TonicSet) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Times in microseconds and channels, sorted by time."""
    columns, rows, polarities = told.shape
    t = np.asarray(events["t"], np.int64)
    x = np.asarray(events["x"], np.int64)
    y = np.asarray(events["y"], np.int64) if rows > 1 else np.zeros_like(x)
    polarity = np.asarray(events["p"], np.int64) if polarities > 1 else np.zeros_like(x)
    for name, values, size in (("x", x, columns), ("y", y, rows), ("p", polarity, polarities)):
        if len(values) and not 0 <= values.min() <= values.max() < size:
            raise ValueError(
                f"{told.title} has an event with {name} = {values.max()}, where 0 ... {size - 1} is possible: "
                "its files are damaged, fetch them again"
            )
    if told.from_first and len(t):
        t = t - t.min()
    order = np.argsort(t, kind="stable")
    channel = ((polarity * rows + y) * columns + x)[order]
    return t[order].astype(np.int32), channel.astype(channel_type(columns * rows * polarities))
