"""Makes the shipped subsets from the published files: `python -m runs.shipped.make MNIST_DIR NMNIST_DIR`.

Which images and recordings are taken, and how they are packed, stands in README.md next to this file. Nothing
of the package imports it. The same input gives the same bytes, with the same zlib and liblzma.
"""

from __future__ import annotations

import argparse
import gzip
import io
import struct
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from runs import shipped
from runs.data import Images, load_mnist

MNIST_PER_DIGIT = {"train": 300, "t10k": 100}
NMNIST_PER_DIGIT = {"Train": 20, "Test": 8}
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def first_of_each(labels: list[int], count: int) -> list[int]:
    """Positions of the first `count` items of each label, in order."""
    seen: Counter[int] = Counter()
    chosen = []
    for position, label in enumerate(labels):
        seen[label] += 1
        if seen[label] <= count:
            chosen.append(position)
    return chosen


def write_idx(path: Path, values: np.ndarray) -> None:
    """Writes a gzipped IDX file of unsigned bytes, without name or date."""
    content = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(content + values.astype(np.uint8).tobytes())
    path.write_bytes(packed.getvalue())


def write_mnist(images: Images, prefix: str, target: Path) -> None:
    """Writes the first images of each digit as the two IDX files of one split."""
    chosen = images.take(first_of_each(images.labels.tolist(), MNIST_PER_DIGIT[prefix]))
    write_idx(target / f"{prefix}-images-idx3-ubyte.gz", chosen.images)
    write_idx(target / f"{prefix}-labels-idx1-ubyte.gz", chosen.labels)


def write_nmnist(source: Path, split: str, target: Path) -> None:
    """Writes the first recordings of each digit of a split's zip as a zip, the event files byte for byte."""
    with zipfile.ZipFile(source / f"{split}.zip") as archive:
        members = [name for name in archive.namelist() if name.endswith(".bin")]
        members.sort(key=lambda name: Path(name).stem.zfill(9))
        chosen = first_of_each([int(Path(name).parent.name) for name in members], NMNIST_PER_DIGIT[split])
        with zipfile.ZipFile(target / f"{split}.zip", "w") as packed:
            for position in chosen:
                info = zipfile.ZipInfo(members[position], _ZIP_EPOCH)
                info.create_system = 3
                info.external_attr = 0o644 << 16
                packed.writestr(info, archive.read(members[position]), zipfile.ZIP_LZMA)


def main() -> None:
    """Makes both subsets."""
    parser = argparse.ArgumentParser(description="Make the shipped subsets from the published files.")
    parser.add_argument("mnist", type=Path, help="folder with MNIST's four IDX files")
    parser.add_argument("nmnist", type=Path, help="folder with N-MNIST's Train.zip and Test.zip")
    parser.add_argument("--target", type=Path, default=shipped.MNIST.parent, help="where to write mnist/ and nmnist/")
    arguments = parser.parse_args()
    for name in ("mnist", "nmnist"):
        (arguments.target / name).mkdir(parents=True, exist_ok=True)
    write_mnist(load_mnist(arguments.mnist, "train"), "train", arguments.target / "mnist")
    write_mnist(load_mnist(arguments.mnist, "test"), "t10k", arguments.target / "mnist")
    for split in NMNIST_PER_DIGIT:
        write_nmnist(arguments.nmnist, split, arguments.target / "nmnist")


if __name__ == "__main__":
    main()
