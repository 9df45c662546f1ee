"""Fetches the public data sets from where they are published: checked, resumed, and only when asked.

A file arrives under its name with ".part" behind it and takes its own name only when its checksum is right:
what has its own name is whole. An interrupted transfer continues where it stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runs.data.tonic_sets import TONIC_SETS, fetch_with_tonic

Report = Callable[[str, int, "int | None"], None]  # name, bytes so far, bytes in all (None: unknown)

_CHUNK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A published file: its name here, its addresses in the order to try, and its published MD5."""

    name: str
    urls: tuple[str, ...]
    md5: str


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_NMNIST_RECORD = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"

MNIST_FILES = tuple(
    RemoteFile(name=name, urls=tuple(mirror + name for mirror in _MNIST_MIRRORS), md5=md5)
    for name, md5 in (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
)
_FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FASHION_FILES = tuple(
    RemoteFile(name=name, urls=tuple(mirror + name for mirror in _FASHION_MIRRORS), md5=md5)
    for name, md5 in (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
)
EMNIST_FILES = (
    RemoteFile(
        name="gzip.zip",
        urls=(
            "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
        ),
        md5="58c8d27c78d21e728a6bc7b3cc06412e",
    ),
)
NMNIST_FILES = tuple(
    RemoteFile(name=name, urls=(f"{_NMNIST_RECORD}{key}/file_downloaded",), md5=md5)
    for name, key, md5 in (
        ("Train.zip", "39c25547-014b-4137-a934-9d29fa53c7a0", "20959b8e626244a1b502305a9e6e2031"),
        ("Test.zip", "05a4d654-7e03-4c15-bdfa-9bb2bcbea494", "69ca8762b2fe404d9b9bad1103e97832"),
    )
)


_FILES = {"mnist": MNIST_FILES, "fashion": FASHION_FILES, "emnist": EMNIST_FILES, "nmnist": NMNIST_FILES}


def download_dataset(dataset: str, directory: Path, report: Report | None = None) -> None:
    """Fetches a data set's published files into `directory`; errors as in `fetch`.

    Args:
        dataset: as `load_events` takes it: "mnist" (11 MB), "fashion" (31 MB), "emnist" and its kinds (562 MB, one
            file for all of them), "nmnist" (1.2 GB), "shd" and "dvsgesture" (by tonic, which tells of it itself).

    Raises:
        ImportError: "shd" or "dvsgesture", which tonic fetches, and it is not installed.
        ValueError: no such data set.
    """
    if dataset in TONIC_SETS:
        fetch_with_tonic(dataset, directory)
        return
    files = _FILES.get(dataset.partition("-")[0])
    if files is None:
        raise ValueError(f"dataset came as {dataset!r}: pass one of {', '.join((*_FILES, *TONIC_SETS))}")
    for file in files:
        fetch(file, directory, report)


def download_mnist(directory: Path, report: Report | None = None) -> None:
    """Fetches MNIST's four IDX files (11 MB) into `directory`; errors as in `fetch`."""
    download_dataset("mnist", directory, report)


def download_nmnist(directory: Path, report: Report | None = None) -> None:
    """Fetches N-MNIST's Train.zip and Test.zip (about 1.2 GB) into `directory`; errors as in `fetch`."""
    download_dataset("nmnist", directory, report)


def fetch(file: RemoteFile, directory: Path, report: Report | None = None) -> Path:
    """Fetches one file, unless it is there: from each address in turn, going on as long as bytes come.

    Args:
        file: what to fetch.
        directory: folder to put it in, made if it is missing.
        report: called as the bytes come, with the name, the bytes so far and the bytes in all.

    Returns:
        The path of the file, its checksum verified.

    Raises:
        ConnectionError: no address gave the whole file; what came is kept, and the next call continues it.
        ValueError: a wrong checksum, of the file that was there or of what came from every address.
    """
    directory = Path(directory)
    target, part = directory / file.name, directory / f"{file.name}.part"
    if target.exists():
        if _md5(target) != file.md5:
            raise ValueError(
                f"{target} is there, but is not the published file (its MD5 is not {file.md5}): "
                "delete it to fetch it again, or leave out --download to use it as it is"
            )
        return target
    directory.mkdir(parents=True, exist_ok=True)
    failures: list[tuple[str, str | None]] = []
    for url in file.urls:
        # What was kept may be of another file: where it ends in a wrong checksum, once more from the start.
        for _ in range(2 if part.exists() else 1):
            failure = _transfer(url, part, file.name, report)
            if failure is not None:
                break
            found = _md5(part)
            if found == file.md5:
                os.replace(part, target)
                return target
            part.unlink()
            failure = f"its MD5 is {found} where {file.md5} was published"
        failures.append((url, failure))
    told = "; ".join(f"{url}: {reason}" for url, reason in failures)
    if part.exists():
        raise ConnectionError(
            f"{file.name} did not arrive whole ({told}): {part.stat().st_size} bytes are kept in {part}; "
            "run the same command again and it continues there"
        )
    wrong_sum = all(reason is not None and "MD5" in reason for _, reason in failures)
    raise (ValueError if wrong_sum else ConnectionError)(
        f"{file.name} could not be fetched ({told}): try again later, or put it into {directory} by hand"
    )


def _transfer(url: str, part: Path, name: str, report: Report | None) -> str | None:
    """Brings `part` to its full length, asking again as long as that adds bytes; else the reason why not."""
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _receive(url, part, name, report):
                return None
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not before:
                return f"the server answered {error.code} {error.reason}"
            # Nothing lies beyond what is here: either it is whole, or the checksum will say that it is not.
            return None
        except (OSError, http.client.HTTPException) as error:
            reason = f"{error}" or type(error).__name__
        if (part.stat().st_size if part.exists() else 0) <= before:
            return reason


def _receive(url: str, part: Path, name: str, report: Report | None) -> bool:
    """One request, appended to `part` if the server continues there, else from the start; True if whole."""
    here = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "lava-dt"})
    if here:
        request.add_header("Range", f"bytes={here}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        continued = response.status == http.client.PARTIAL_CONTENT
        received = here if continued else 0
        if continued and not response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
            raise ConnectionError("the server continued at another place than asked")
        length = response.headers.get("Content-Length")
        total = received + int(length) if length is not None else None
        with part.open("ab" if continued else "wb") as sink:
            while chunk := response.read(_CHUNK):
                sink.write(chunk)
                received += len(chunk)
                if report is not None:
                    report(name, received, total)
    return total is None or received == total


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
