"""Fashion-MNIST and EMNIST: MNIST's format under other names, EMNIST's images turned upright."""

import gzip
import struct
import zipfile

import numpy as np
import pytest

from runs.data import download, load_events, load_images
from runs.data.mnist import IMAGE_SETS


def idx(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def upright_l():
    """A letter L: a long stroke down the left, a short one along the bottom."""
    letter = np.zeros((28, 28), np.uint8)
    letter[4:24, 8] = 255
    letter[23, 8:16] = 255
    return letter


@pytest.fixture
def letters(tmp_path):
    exchanged = np.stack([upright_l().T] * 3)
    for kind, values in (("images-idx3", exchanged), ("labels-idx1", np.array([12, 1, 26], np.uint8))):
        (tmp_path / f"emnist-letters-test-{kind}-ubyte.gz").write_bytes(gzip.compress(idx(values)))
    return tmp_path


def test_letters_stand_upright_and_are_numbered_from_zero(letters):
    images = load_images("emnist-letters", letters, "test")
    np.testing.assert_array_equal(images.images[0], upright_l())
    assert images.labels.tolist() == [11, 0, 25] and images.images.flags.c_contiguous
    events = load_events("emnist-letters", "test", folder=letters)
    assert events.n_classes == 26 and events.name.startswith("EMNIST letters, one spike a pixel")
    lit = np.flatnonzero(events.event_counts([0])[0])
    np.testing.assert_array_equal(lit, np.flatnonzero(upright_l().ravel()))  # channel = row * 28 + column


def test_emnist_is_read_from_the_published_zip_without_unpacking_it(letters):
    with zipfile.ZipFile(letters / "gzip.zip", "w") as archive:
        for path in sorted(letters.glob("emnist-*")):
            archive.write(path, f"gzip/{path.name}")
            path.unlink()
    assert load_images("emnist-letters", letters, "test").labels.tolist() == [11, 0, 25]
    with pytest.raises(ValueError, match=r"gzip\.zip holds no emnist-digits-test-images-idx3-ubyte: pass the folder"):
        load_images("emnist-digits", letters, "test")
    whole = (letters / "gzip.zip").read_bytes()
    (letters / "gzip.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"gzip\.zip does not unpack .*fetch it again"):
        load_images("emnist-letters", letters, "test")


def test_fashion_is_read_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28)).astype(np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([9, 0], np.uint8)))
    np.testing.assert_array_equal(load_images("fashion", tmp_path, "train").images, pixels)
    assert load_events("fashion", "train", folder=tmp_path, encoding="rate").name.startswith("Fashion-MNIST, Poisson")


def test_a_label_outside_the_set_is_named(letters):
    path = letters / "emnist-letters-test-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.array([1, 27, 2], np.uint8)))
    with pytest.raises(ValueError, match=r"holds the label 27, but EMNIST letters's are 1 \.\.\. 26"):
        load_images("emnist-letters", letters, "test")
    path.write_bytes(idx(np.array([0, 1, 2], np.uint8)))
    with pytest.raises(ValueError, match="holds the label 0, but"):
        load_images("emnist-letters", letters, "test")


def test_what_is_missing_or_unknown_is_named(tmp_path):
    with pytest.raises(ValueError, match="nothing of Fashion-MNIST is shipped: pass the folder"):
        load_events("fashion", "test")
    with pytest.raises(FileNotFoundError, match="holds no EMNIST balanced test images: it needs emnist-bal"):
        load_images("emnist", tmp_path, "test")
    with pytest.raises(ValueError, match="dataset came as 'kmnist': pass one of mnist, fashion, emnist"):
        load_images("kmnist", tmp_path, "test")


def test_every_set_of_images_and_nmnist_can_be_fetched(monkeypatch, tmp_path):
    fetched = []
    monkeypatch.setattr(download, "fetch", lambda file, directory, report: fetched.append(file))
    for dataset in (*IMAGE_SETS, "nmnist"):
        fetched.clear()
        download.download_dataset(dataset, tmp_path)
        assert fetched and all(len(file.md5) == 32 and file.urls for file in fetched)
    with pytest.raises(
        ValueError, match="dataset came as 'svhn': pass one of mnist, fashion, emnist, nmnist, shd, dvs"
    ):
        download.download_dataset("svhn", tmp_path)
