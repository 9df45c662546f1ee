"""`load_events`: any data set, in any encoding, as an `EventSet`."""

from __future__ import annotations

import math
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from runs.config.datasets import DatasetName, EncodingName
from runs.data.cache import Cache, kept, state_of
from runs.data.encoded import EncodedImages
from runs.data.encodings import Latency, Rate
from runs.data.events import EventSet
from runs.data.mnist import IMAGE_SETS, load_images
from runs.data.nmnist import load_nmnist, nmnist_source
from runs.data.recordings import Recordings
from runs.data.saccade import SIMULATOR, Saccade, record
from runs.data.source import Source, StoredEvents, channel_type
from runs.data.store import Key
from runs.data.tonic_sets import TONIC_SETS, read_with_tonic, tonic_files

Split = Literal["train", "test"]
Encoding: TypeAlias = Latency | Rate | Saccade

SPLITS = ("train", "test")
_EVENTS = ("nmnist", *TONIC_SETS)
_NMNIST_SECONDS = 0.3  # three saccades of 0.1 s; recordings end 0.297 to 0.336 s after they began


def load_events(
    dataset: DatasetName,
    split: Split,
    *,
    folder: Path | str | None = None,
    encoding: EncodingName | Encoding | None = None,
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
            of an event camera ("nmnist", "dvsgesture") or an artificial cochlea ("shd"); the last two need tonic.
        split: "train" or "test".
        folder: where the published files lie; None: the small sets that are shipped.
        encoding: of images: "latency" (or None), "rate", "saccade", or `Latency`, `Rate`, `Saccade` with their
            parameters. Recordings take none.
        seed: of what the encoding draws, where it is given by name.
        dt: length of a step of "rate", in seconds; None: 1 ms.
        start, end: part of the recordings that counts, in seconds; end None: what is usual for the data set
            (N-MNIST: 0.3, SHD: 1.4, DVS Gesture: 6). Images take neither: their encoding says how long they last.
        cache: folder to keep recordings in, as arrays that processes share; None: that of the variable LAVA_DT_CACHE,
            or the platform's; False: none. Simulated saccades are kept there, too. Other images, and the recordings
            that are shipped, are read as they are.
        limit: only so many samples, the first ones.

    Raises:
        FileNotFoundError: no such folder or file.
        ImportError: tonic is needed, and not installed.
        ValueError: a name that is not known, a file that is damaged, or arguments that do not fit the data set.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit came as {limit}: pass a number of samples, 0 or more, or None for all")
    if dataset in IMAGE_SETS:
        if start != 0 or end is not None:
            raise ValueError(
                f"{dataset} holds images, which have no start and end: their encoding says how long they last"
            )
        source = _images(dataset, split, _path(folder), _encoding(encoding, seed, dt), cache, limit)
        last = source.duration
    elif dataset in _EVENTS:
        if encoding is not None or dt is not None:
            raise ValueError(
                f"{dataset} holds events already: leave out encoding and dt, bins are chosen when it is read"
            )
        source = _recordings(dataset, _path(folder), split, cache)
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


def _recordings(dataset: str, folder: Path | None, split: Split, cache: Cache) -> StoredEvents:
    if split not in SPLITS:
        raise ValueError(f"split came as {split!r}: pass 'train' or 'test'")
    if dataset != "nmnist":
        source = tonic_files(dataset, folder, split)
    elif folder is not None:
        source = nmnist_source(folder, split)
    else:
        return nmnist_events(load_nmnist(None, split))

    def read() -> StoredEvents:
        if dataset == "nmnist":
            return nmnist_events(load_nmnist(folder, split))
        return read_with_tonic(dataset, folder or Path(), split)

    source = source.resolve()
    return kept(cache, f"{dataset}-{split}", {"of": str(source), "state": state_of(source)}, read)


def _images(dataset: str, split: Split, folder: Path | None, code: Encoding, cache: Cache, limit: int | None) -> Source:
    images, told = load_images(dataset, folder, split).take(slice(limit)), IMAGE_SETS[dataset]
    if not isinstance(code, Saccade):
        return EncodedImages(images, told.title, told.n_classes, code)
    content = zlib.crc32(images.images.data, zlib.crc32(images.labels.data))
    key: Key = {"of": [dataset, split, content], "state": [SIMULATOR, asdict(code)]}
    return kept(cache, f"{dataset}-{split}-saccade", key, lambda: record(images, code, told.title, told.n_classes))


def _encoding(encoding: EncodingName | Encoding | None, seed: int, dt: float | None) -> Encoding:
    if encoding == "rate":
        return Rate(seed=seed) if dt is None else Rate(seed=seed, dt=dt)
    if dt is not None:
        raise ValueError(f"dt is {dt}, but only the encoding 'rate', given by name, takes one: leave it out")
    if encoding in (None, "latency"):
        return Latency()
    if encoding == "saccade":
        return Saccade(seed=seed)
    if isinstance(encoding, Latency | Rate | Saccade):
        return encoding
    raise ValueError(
        f"encoding came as {encoding!r}: pass 'latency', 'rate', 'saccade', or Latency(...), Rate(...) ..."
    )


def _path(folder: Path | str | None) -> Path | None:
    return None if folder is None else Path(folder)
