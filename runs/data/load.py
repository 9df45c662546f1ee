"""`load_events`: any data set, in any encoding, as an `EventSet`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np

from runs.data.cache import Cache, kept, state_of
from runs.data.encoded import EncodedImages
from runs.data.encodings import EncodingName, Latency, Rate
from runs.data.events import EventSet
from runs.data.mnist import IMAGE_SETS, load_images
from runs.data.nmnist import load_nmnist, nmnist_source
from runs.data.recordings import Recordings
from runs.data.source import Source, StoredEvents, channel_type

DatasetName = Literal[
    "mnist",
    "fashion",
    "emnist",
    "emnist-balanced",
    "emnist-letters",
    "emnist-digits",
    "emnist-mnist",
    "emnist-bymerge",
    "emnist-byclass",
    "nmnist",
]
Split = Literal["train", "test"]

SPLITS = ("train", "test")
_EVENTS = ("nmnist",)
_NMNIST_SECONDS = 0.3  # three saccades of 0.1 s; recordings end 0.297 to 0.336 s after they began


def load_events(
    dataset: DatasetName,
    split: Split,
    *,
    folder: Path | str | None = None,
    encoding: EncodingName | Latency | Rate | None = None,
    seed: int = 0,
    dt: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    cache: Cache = None,
    limit: int | None = None,
) -> EventSet:
    """Opens one split of a data set as events.

    Args:
        dataset: images ("mnist", "fashion", "emnist", which is "emnist-balanced", "emnist-letters" ...), or recordings
            of an event camera ("nmnist").
        split: "train" or "test".
        folder: where the published files lie; None: the small sets that are shipped.
        encoding: of images, a name or an encoding with its parameters; None: "latency". Recordings take none.
        seed: of what the encoding draws, where it is given by name.
        dt: length of a step of "rate", in seconds; None: 1 ms.
        start, end: part of the recordings that counts, in seconds; end None: what is usual for the data set
            (N-MNIST: 0.3). Images take neither: their encoding says how long they last.
        cache: folder to keep recordings in, as arrays that processes share; None: that of the variable LAVA_DT_CACHE,
            or the platform's; False: none. Images and what is shipped are read as they are.
        limit: only so many samples, the first ones.

    Raises:
        FileNotFoundError: no such folder or file.
        ValueError: a name that is not known, a file that is damaged, or arguments that do not fit the data set.
    """
    if dataset in IMAGE_SETS:
        if start != 0 or end is not None:
            raise ValueError(
                f"{dataset} holds images, which have no start and end: their encoding says how long they last"
            )
        source: Source = _images(dataset, split, folder, _encoding(encoding, seed, dt))
        last = source.duration
    elif dataset in _EVENTS:
        if encoding is not None or dt is not None:
            raise ValueError(
                f"{dataset} holds events already: leave out encoding and dt, bins are chosen when it is read"
            )
        source = _nmnist(_path(folder), split, cache)
        last = source.duration if end is None else end
        if not (0 <= start < last and math.isfinite(last)):
            raise ValueError(f"start is {start} and end is {last}: pass seconds with 0 <= start < end")
    else:
        known = ", ".join((*IMAGE_SETS, *_EVENTS))
        raise ValueError(f"dataset came as {dataset!r}: pass one of {known}")
    events = EventSet(source, np.arange(len(source.labels)), start, last - start)
    return events if limit is None else events.take(slice(limit))


def nmnist_events(recordings: Recordings) -> StoredEvents:
    """Recordings as the source of an `EventSet`; the times are shared, not copied."""
    polarities, rows, columns = recordings.shape
    channels = np.empty(len(recordings.t), channel_type(recordings.channels))
    np.multiply(recordings.polarity, rows, out=channels, dtype=channels.dtype, casting="unsafe")
    channels += recordings.y
    channels *= columns
    channels += recordings.x
    return StoredEvents(
        ticks=recordings.t,
        channels=channels,
        offsets=recordings.offsets,
        labels=recordings.labels,
        name="N-MNIST",
        shape=(columns, rows, polarities),
        n_classes=10,
        tick=1e-6,
        duration=_NMNIST_SECONDS,
    )


def _nmnist(folder: Path | None, split: Split, cache: Cache) -> StoredEvents:
    def read() -> StoredEvents:
        return nmnist_events(load_nmnist(folder, split))

    if folder is None or split not in SPLITS:
        return read()
    source = nmnist_source(folder, split).resolve()
    return kept(cache, f"nmnist-{split}", {"of": str(source), "state": state_of(source)}, read)


def _images(dataset: str, split: Split, folder: Path | str | None, encoding: Latency | Rate) -> EncodedImages:
    told = IMAGE_SETS[dataset]
    return EncodedImages(load_images(dataset, _path(folder), split), told.title, told.n_classes, encoding)


def _encoding(encoding: EncodingName | Latency | Rate | None, seed: int, dt: float | None) -> Latency | Rate:
    if encoding == "rate":
        return Rate(seed=seed) if dt is None else Rate(seed=seed, dt=dt)
    if dt is not None:
        raise ValueError(f"dt is {dt}, but only the encoding 'rate', given by name, takes one: leave it out")
    if encoding in (None, "latency"):
        return Latency()
    if isinstance(encoding, Latency | Rate):
        return encoding
    raise ValueError(f"encoding came as {encoding!r}: pass 'latency', 'rate', Latency(...) or Rate(...)")


def _path(folder: Path | str | None) -> Path | None:
    return None if folder is None else Path(folder)
