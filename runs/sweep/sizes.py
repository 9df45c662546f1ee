"""How many samples a run's data set has, from the little of its files that says so."""

from __future__ import annotations

import gzip
import struct
import zipfile
from functools import cache
from pathlib import Path

from runs import shipped
from runs.config import AnyConfig

_PUBLISHED = {"mnist": (60_000, 10_000), "nmnist": (60_000, 10_000)}
_FILES = {"mnist": ("train", "t10k"), "nmnist": ("Train.zip", "Test.zip")}
_SHIPPED = {"mnist": shipped.MNIST, "nmnist": shipped.NMNIST}
_USUAL = {"slayer": "nmnist"}


def dataset_of(config: AnyConfig) -> str:
    """The name of the data set that a run learns."""
    return str(getattr(config, "dataset", _USUAL.get(config.model, "mnist")))


def samples(config: AnyConfig) -> tuple[int, int]:
    """Training samples an epoch and test samples of a run; those of the published set where the files do not tell."""
    train, test = _counted(dataset_of(config), config.data)
    train, test = min(train, config.train_samples or train), min(test, config.test_samples or test)
    return min(train, config.epoch_samples or train), test


@cache
def _counted(dataset: str, folder: Path | None) -> tuple[int, int]:
    folder = folder or _SHIPPED.get(dataset)
    usual = _PUBLISHED.get(dataset, (60_000, 10_000))
    if folder is None or not folder.is_dir():
        return usual
    try:
        found = [_in_zip(folder / name) if dataset == "nmnist" else _in_idx(folder, name) for name in _FILES[dataset]]
    except (OSError, KeyError, struct.error, zipfile.BadZipFile):
        return usual
    return found[0] or usual[0], found[1] or usual[1]


def _in_idx(folder: Path, prefix: str) -> int:
    file = next(iter(sorted(folder.glob(f"{prefix}-labels*"))), None)
    if file is None:
        return 0
    packed = file.open("rb").read(2) == b"\x1f\x8b"
    with gzip.open(file) if packed else file.open("rb") as stream:
        return int(struct.unpack(">4xI", stream.read(8))[0])


def _in_zip(file: Path) -> int:
    with zipfile.ZipFile(file) as archive:
        return sum(name.endswith(".bin") for name in archive.namelist())
