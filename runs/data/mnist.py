"""Reads MNIST and the sets that are published in its format: Fashion-MNIST and EMNIST's six splits.

Notes:
    EMNIST's images lie with rows and columns exchanged in its files; they are turned here, so that letters stand
    upright, as MNIST's digits do. Its letters are labelled 1 ... 26 in the files, and 0 ... 25 here.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from runs import shipped
from runs.data.idx import KINDS, read_idx
from runs.data.images import Images

_ARCHIVES = ("gzip.zip", "emnist-gzip.zip")  # as NIST publishes EMNIST


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """How a data set's files are named, and what is in them.

    Args:
        title: its name, for people.
        train, test: beginning of the names of each split's files.
        n_classes: number of labels.
        labels: what the labels are, for messages.
        first_label: the smallest label in the files; here it is 0.
        exchanged: whether rows and columns of the images are exchanged.
        shipped: folder of the small set that is shipped.
    """

    title: str
    train: str = "train"
    test: str = "t10k"
    n_classes: int = 10
    labels: str = "0 ... 9"
    first_label: int = 0
    exchanged: bool = False
    shipped: Path | None = None


def _emnist(kind: str, n_classes: int, first_label: int = 0) -> ImageSet:
    return ImageSet(
        title=f"EMNIST {kind}",
        train=f"emnist-{kind}-train",
        test=f"emnist-{kind}-test",
        n_classes=n_classes,
        labels=f"{first_label} ... {first_label + n_classes - 1}",
        first_label=first_label,
        exchanged=True,
    )


IMAGE_SETS = {
    "mnist": ImageSet(title="MNIST", labels="the digits 0 ... 9", shipped=shipped.MNIST),
    "fashion": ImageSet(title="Fashion-MNIST"),
    "emnist": _emnist("balanced", 47),
    "emnist-balanced": _emnist("balanced", 47),
    "emnist-letters": _emnist("letters", 26, first_label=1),
    "emnist-digits": _emnist("digits", 10),
    "emnist-mnist": _emnist("mnist", 10),
    "emnist-bymerge": _emnist("bymerge", 47),
    "emnist-byclass": _emnist("byclass", 62),
}


def load_mnist(directory: Path | None, split: Literal["train", "test"]) -> Images:
    """`load_images` of MNIST: None is the shipped subset, 3,000 training and 1,000 test images."""
    return load_images("mnist", directory, split)


def load_images(dataset: str, directory: Path | None, split: Literal["train", "test"]) -> Images:
    """Reads one split of MNIST or of a set in its format.

    Args:
        dataset: a key of `IMAGE_SETS`.
        directory: folder with the IDX files under their published names ("train-images-idx3-ubyte"), with "-"
            or "." before "idx", with or without ".gz"; for EMNIST also the folder with "gzip.zip", as published.
            None for what is shipped of MNIST.
        split: "train" or "test".

    Raises:
        FileNotFoundError: no such folder or file.
        ValueError: a file that is truncated, of the wrong kind or no IDX file, or an unknown split or data set.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split came as {split!r}: pass 'train' or 'test'")
    if dataset not in IMAGE_SETS:
        raise ValueError(f"dataset came as {dataset!r}: pass one of {', '.join(IMAGE_SETS)}")
    told = IMAGE_SETS[dataset]
    folder = told.shipped if directory is None else Path(directory)
    if folder is None:
        raise ValueError(f"nothing of {told.title} is shipped: pass the folder that holds its files")
    (images_path, images), (labels_path, labels) = (_read(folder, told, split, axes) for axes in (3, 1))
    if images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} holds images of {images.shape[1]} x {images.shape[2]} pixels, but {told.title}'s have "
            f"28 x 28: pass a folder with {told.title}'s own files"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images but {labels_path} holds {len(labels)} labels: "
            "take both files from the same set"
        )
    numbers = labels.astype(np.int64) - told.first_label
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < told.n_classes:
        wrong = labels[(numbers < 0) | (numbers >= told.n_classes)].max()
        raise ValueError(
            f"{labels_path} holds the label {wrong}, but {told.title}'s are {told.labels}: "
            f"pass a folder with {told.title}'s own files"
        )
    return Images(np.ascontiguousarray(images.transpose(0, 2, 1)) if told.exchanged else images, numbers)


def _read(folder: Path, told: ImageSet, split: str, axes: int) -> tuple[str, np.ndarray]:
    """Name and content of the images or the labels of a split."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not a folder: pass the folder that holds {told.title}'s IDX files, "
            "or fetch them with --download"
        )
    stem = f"{told.train if split == 'train' else told.test}-{KINDS[axes]}"
    names = [f"{stem}{dot}idx{axes}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return str(folder / name), read_idx((folder / name).read_bytes(), str(folder / name), axes, told.title)
    if told.exchanged:
        for archive in _ARCHIVES:
            if (folder / archive).is_file():
                return _read_archive(folder / archive, names, axes, told.title)
    there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
    raise FileNotFoundError(
        f"{folder} holds no {told.title} {split} {KINDS[axes]}: it needs {names[0]} or {names[1]}, "
        f"found {there}; pass the folder that holds {told.title}'s IDX files, or fetch them with --download"
    )


def _read_archive(path: Path, names: list[str], axes: int, title: str) -> tuple[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.rpartition("/")[2] in names:
                    return f"{member} in {path}", read_idx(archive.read(member), f"{member} in {path}", axes, title)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} does not unpack ({error}): the zip is damaged, fetch it again") from None
    raise ValueError(f"{path} holds no {names[0]}: pass the folder with {title} as it is published")
