"""The shipped subsets: there, balanced, licensed, and made the same way each time."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from runs import shipped
from runs.data import load_mnist, load_nmnist


@pytest.mark.parametrize(("split", "each"), [("train", 300), ("test", 100)])
def test_mnist_is_balanced(split, each):
    images = load_mnist(None, split)
    assert len(images) == 10 * each
    np.testing.assert_array_equal(np.bincount(images.labels), np.full(10, each))
    ink = (images.images > 0).mean()
    assert 0.15 < ink < 0.25  # 19 % of MNIST's pixels carry ink


@pytest.mark.parametrize(("split", "each"), [("train", 20), ("test", 8)])
def test_nmnist_is_balanced(split, each):
    recordings = load_nmnist(None, split)
    assert len(recordings) == 10 * each
    np.testing.assert_array_equal(np.bincount(recordings.labels), np.full(10, each))
    counts = np.diff(recordings.offsets)
    assert counts.min() > 1_000
    assert counts.max() < 7_200
    assert recordings.t.max() < 340_000


def test_no_recording_is_in_both_splits():
    numbers = []
    for split in ("Train", "Test"):
        with zipfile.ZipFile(shipped.NMNIST / f"{split}.zip") as archive:
            numbers.append({name.rsplit("/", 1)[1] for name in archive.namelist()})
    assert not numbers[0] & numbers[1]


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (shipped.MNIST, ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0")),
        (shipped.NMNIST, ("Orchard", "Jayawant", "Cohen", "Thakor", "9:437", "CC BY-SA 4.0")),
    ],
)
def test_the_licence_names_authors_licence_and_changes(folder, words):
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    for word in (*words, "subset", "Changes: selection and recompression"):
        assert word in text


def test_the_shipped_data_is_small():
    assert sum(path.stat().st_size for path in shipped.MNIST.parent.rglob("*.*z*")) < 5_000_000


def test_the_script_makes_them_again_without_dates(tmp_path):
    # The shipped sets are their own subsets: selecting from them gives them back.
    command = [sys.executable, "-m", "runs.shipped.make", shipped.MNIST, shipped.NMNIST, "--target", tmp_path]
    subprocess.run([str(part) for part in command], check=True)
    for split in ("train", "test"):
        images, again = load_mnist(None, split), load_mnist(tmp_path / "mnist", split)
        np.testing.assert_array_equal(images.images, again.images)
        np.testing.assert_array_equal(images.labels, again.labels)
    for path in (tmp_path / "mnist").iterdir():
        assert path.read_bytes()[3:8] == bytes(5)  # no name, no date
    for split in ("Train", "Test"):
        with (
            zipfile.ZipFile(shipped.NMNIST / f"{split}.zip") as one,
            zipfile.ZipFile(tmp_path / "nmnist" / f"{split}.zip") as other,
        ):
            assert one.namelist() == other.namelist()
            assert all(one.read(name) == other.read(name) for name in one.namelist())
            assert {info.date_time for info in other.infolist()} == {(1980, 1, 1, 0, 0, 0)}
