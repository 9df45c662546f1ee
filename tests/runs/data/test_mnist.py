"""MNIST's IDX files: what is written is read, and what is wrong is named."""

import gzip
import re
import struct

import numpy as np
import pytest

from runs.data import Images, load_mnist

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def idx(values, kind=8):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (5, 28, 28)).astype(np.uint8)


@pytest.fixture
def labels():
    return np.array([3, 1, 4, 1, 9], dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, pixels, labels):
    (tmp_path / IMAGES).write_bytes(idx(pixels))
    (tmp_path / LABELS).write_bytes(idx(labels))
    return tmp_path


def refused(folder, text, error=ValueError, split="train"):
    with pytest.raises(error, match=re.escape(text)) as caught:
        load_mnist(folder, split)
    return str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_what_is_written_is_read(tmp_path, pixels, labels, split, prefix, dot, packed):
    for stem, values in (
        (f"{prefix}-images{dot}idx3-ubyte", pixels),
        (f"{prefix}-labels{dot}idx1-ubyte", labels),
    ):
        content = idx(values)
        (tmp_path / f"{stem}{'.gz' * packed}").write_bytes(gzip.compress(content) if packed else content)
    images = load_mnist(tmp_path, split)
    np.testing.assert_array_equal(images.images, pixels)
    np.testing.assert_array_equal(images.labels, labels)
    assert len(images) == 5
    assert images.images.flags.writeable
    assert images.labels.dtype == np.int64


def test_the_content_not_the_name_says_whether_it_is_gzipped(tmp_path, pixels, labels):
    (tmp_path / f"{IMAGES}.gz").write_bytes(idx(pixels))
    (tmp_path / LABELS).write_bytes(gzip.compress(idx(labels)))
    assert len(load_mnist(tmp_path, "train")) == 5


def test_take_keeps_order(folder, pixels):
    images = load_mnist(folder, "train")
    np.testing.assert_array_equal(images.take([4, 0]).images, pixels[[4, 0]])
    assert images.take(images.labels == 1).labels.tolist() == [1, 1]


def test_a_missing_folder_is_named(tmp_path):
    text = refused(tmp_path / "none", "none is not a folder: pass the folder that holds MNIST's", FileNotFoundError)
    assert "--download" in text


def test_a_missing_file_is_named_with_what_is_there(folder):
    text = refused(folder, "holds no MNIST test images: it needs t10k-images-idx3-ubyte", FileNotFoundError, "test")
    assert f"found {IMAGES}, {LABELS}" in text


def test_labels_given_as_images_are_told_apart(folder, labels):
    (folder / IMAGES).write_bytes(idx(labels))
    text = refused(folder, "holds labels (it starts with 00 00 08 01) where images are needed (00 00 08 03)")
    assert IMAGES in text


def test_images_given_as_labels_are_told_apart(folder, pixels):
    (folder / LABELS).write_bytes(idx(pixels))
    refused(folder, "holds images (it starts with 00 00 08 03) where labels are needed (00 00 08 01)")


def test_other_idx_files_are_told_apart(folder, pixels):
    (folder / IMAGES).write_bytes(idx(pixels.astype(">f4"), kind=0x0D))
    refused(folder, "holds values that are not unsigned bytes")
    (folder / IMAGES).write_bytes(idx(pixels.reshape(5, 784)))
    refused(folder, "holds values on 2 axes")


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"", b"\0\0"])
def test_a_file_that_is_no_idx_file_is_named(folder, content):
    (folder / IMAGES).write_bytes(content)
    start = content[:4].hex(" ") or "nothing"
    refused(folder, f"{IMAGES} is not an IDX file: it starts with {start}, MNIST's images start with 00 00 08 03")


def test_a_truncated_file_is_named_with_its_sizes(folder, pixels):
    (folder / IMAGES).write_bytes(idx(pixels)[:-7])
    text = refused(folder, f"{IMAGES} is truncated: {16 + 3920 - 7} bytes came, its header announces {16 + 3920}")
    assert text.endswith("fetch it again")
    (folder / IMAGES).write_bytes(idx(pixels)[:9])
    refused(folder, f"{IMAGES} is truncated: it ends after 9 of its header's 16 bytes")


def test_a_file_with_bytes_left_over_is_named(folder, pixels):
    (folder / IMAGES).write_bytes(idx(pixels) + b"\0")
    refused(folder, f"{IMAGES} is too long")


def test_a_truncated_or_damaged_gzip_file_is_named(folder, pixels):
    whole = gzip.compress(idx(pixels))
    (folder / IMAGES).write_bytes(whole[:-300])
    refused(folder, f"{IMAGES} is truncated: its gzip stream has no end after {len(whole) - 300} bytes")
    (folder / IMAGES).write_bytes(whole[:-8] + b"\xff" * 8)
    refused(folder, f"{IMAGES} is damaged: its gzip stream does not unpack")


def test_images_of_another_size_are_refused(folder, pixels):
    (folder / IMAGES).write_bytes(idx(pixels[:, :20]))
    refused(folder, "holds images of 20 x 28 pixels, but MNIST's have 28 x 28")


def test_images_and_labels_of_different_sets_are_refused(folder, labels):
    (folder / LABELS).write_bytes(idx(labels[:3]))
    refused(folder, "holds 3 labels: take both files from the same set")


def test_labels_beyond_nine_are_refused(folder, labels):
    (folder / LABELS).write_bytes(idx(labels + np.uint8(10)))
    refused(folder, "holds the label 19, but MNIST's are the digits 0 ... 9")


def test_an_unknown_split_is_refused(folder):
    refused(folder, "split came as 'validation': pass 'train' or 'test'", split="validation")


def test_arrays_that_are_no_images_are_refused(pixels, labels):
    with pytest.raises(ValueError, match=r"images came as float64 of shape \(5, 28, 28\): pass uint8"):
        Images(pixels.astype(float), labels)
    with pytest.raises(ValueError, match=r"labels have shape \(4,\) for 5 images: pass one label an image"):
        Images(pixels, labels[:4])
