"""N-MNIST's event files: what is written is read, from zips and folders, and what is wrong is named."""

import re
import zipfile

import numpy as np
import pytest

from runs.data import load_nmnist

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def event(t, x, y, polarity):
    """Five bytes, written out from the format's description."""
    return bytes([x, y, polarity << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF])


RECORDINGS = {
    "5/00001.bin": [(0, 33, 0, 1), (0, 3, 7, 0), (70_000, 0, 33, 1)],
    "0/00010.bin": [(2**23 - 1, 1, 2, 0)],
    "5/00002.bin": [(65_535, 9, 8, 1), (65_536, 9, 8, 0)],
}


def content(events):
    return b"".join(event(*values) for values in events)


def write_folder(directory, split="Train", recordings=RECORDINGS):
    for name, events in recordings.items():
        path = directory / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(events if isinstance(events, bytes) else content(events))
    return directory


def write_zip(directory, split="Train", recordings=RECORDINGS, name=None, method=zipfile.ZIP_DEFLATED):
    path = directory / (name or f"{split}.zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"{split}/", b"")
        for member, events in recordings.items():
            archive.writestr(f"{split}/{member}", events if isinstance(events, bytes) else content(events))
    return path


def refused(directory, text, error=ValueError, split="train"):
    with pytest.raises(error, match=re.escape(text)) as caught:
        load_nmnist(directory, split)
    return str(caught.value)


@pytest.mark.parametrize("write", [write_folder, write_zip])
@pytest.mark.parametrize(("split", "name"), [("train", "Train"), ("test", "Test")])
def test_what_is_written_is_read_in_the_order_of_the_numbers(tmp_path, write, split, name):
    write(tmp_path, name)
    recordings = load_nmnist(tmp_path, split)
    assert recordings.labels.tolist() == [5, 5, 0]
    assert recordings.offsets.tolist() == [0, 3, 5, 6]
    assert recordings.t.tolist() == [0, 0, 70_000, 65_535, 65_536, 2**23 - 1]
    assert recordings.x.tolist() == [33, 3, 0, 9, 9, 1]
    assert recordings.y.tolist() == [0, 7, 33, 8, 8, 2]
    assert recordings.polarity.tolist() == [1, 0, 1, 1, 0, 0]
    types = [getattr(recordings, field).dtype.name for field in ("t", "x", "y", "polarity", "offsets", "labels")]
    assert types == ["int32", "uint8", "uint8", "uint8", "int64", "int64"]


@pytest.mark.parametrize("method", METHODS)
def test_folder_and_zip_of_any_compression_give_the_same(tmp_path, method):
    write_folder(tmp_path / "folder")
    (tmp_path / "zip").mkdir()
    write_zip(tmp_path / "zip", method=method)
    one, other = load_nmnist(tmp_path / "folder", "train"), load_nmnist(tmp_path / "zip", "train")
    for field in ("t", "x", "y", "polarity", "offsets", "labels"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_a_lower_case_zip_is_found_and_other_files_are_passed_over(tmp_path):
    extra = {**RECORDINGS, "readme.txt": b"no events", "5/._00001.bin": b"of a file manager"}
    write_zip(tmp_path, recordings=extra, name="train.zip")
    assert len(load_nmnist(tmp_path, "train")) == 3


def test_a_clock_overflow_shifts_the_rest_and_is_no_event(tmp_path):
    events = [(8_000, 1, 1, 0), (0, 0, 240, 0), (5, 2, 2, 1), (0, 0, 240, 0), (7, 3, 3, 1)]
    recordings = load_nmnist(write_folder(tmp_path, recordings={"1/1.bin": events}), "train")
    assert recordings.t.tolist() == [8_000, 8_192 + 5, 2 * 8_192 + 7]
    assert recordings.x.tolist() == [1, 2, 3]
    assert recordings.offsets.tolist() == [0, 3]


def test_events_out_of_order_are_sorted_and_ties_keep_their_order(tmp_path):
    events = [(9, 1, 0, 0), (4, 2, 0, 0), (9, 3, 0, 0), (4, 4, 0, 1)]
    recordings = load_nmnist(write_folder(tmp_path, recordings={"1/1.bin": events}), "train")
    assert recordings.t.tolist() == [4, 4, 9, 9]
    assert recordings.x.tolist() == [2, 4, 1, 3]


def test_a_missing_folder_is_named(tmp_path):
    text = refused(tmp_path / "none", "none is not a folder: pass the folder that holds N-MNIST's", FileNotFoundError)
    assert "--download" in text


def test_a_missing_split_is_named_with_what_is_there(tmp_path):
    write_zip(tmp_path)
    text = refused(
        tmp_path, "holds no N-MNIST test set: it needs Test.zip or a folder Test/", FileNotFoundError, "test"
    )
    assert "found Train.zip;" in text


def test_a_folder_or_zip_without_recordings_is_named(tmp_path):
    (tmp_path / "Train").mkdir()
    refused(tmp_path, "Train holds no recording: it needs files <digit>/<number>.bin")
    write_zip(tmp_path, recordings={"readme.txt": b""})
    refused(tmp_path, "Train.zip holds no recording")


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_truncated_recording_is_named(tmp_path, write):
    write(tmp_path, recordings={**RECORDINGS, "7/00003.bin": b"\0" * 13})
    text = refused(tmp_path, "00003.bin")
    assert "is truncated: 13 bytes came, a recording has five bytes an event" in text


def test_an_empty_recording_is_named(tmp_path):
    refused(write_folder(tmp_path, recordings={"7/00003.bin": b""}), "00003.bin is empty")
    write_folder(tmp_path, recordings={"7/00003.bin": [(0, 0, 240, 0)]})
    refused(tmp_path, "00003.bin holds clock overflows but no event")


@pytest.mark.parametrize(("x", "y"), [(34, 0), (0, 34), (255, 255)])
def test_an_event_outside_the_camera_is_named(tmp_path, x, y):
    write_folder(tmp_path, recordings={"7/00003.bin": [(0, 1, 1, 0), (1, x, y, 0)]})
    refused(tmp_path, f"00003.bin has an event at x = {x}, y = {y}, outside the 34 x 34 pixels of N-MNIST")


def test_a_recording_beyond_32_bits_of_time_is_named(tmp_path):
    write_folder(tmp_path, recordings={"7/00003.bin": event(0, 0, 240, 0) * 2**18 + event(0, 1, 1, 0)})
    refused(tmp_path, f"00003.bin lasts {2**31} microseconds by its clock overflows: it is damaged")


def test_a_file_that_is_no_zip_or_a_truncated_one_is_named(tmp_path):
    path = write_zip(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    refused(tmp_path, "Train.zip is not a whole zip file")
    path.write_bytes(b"<html>not found</html>")
    refused(tmp_path, "Train.zip is not a whole zip file")


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_member_of_a_zip_is_named(tmp_path, method):
    events = [(t, 1, 2, 0) for t in range(0, 4000, 7)]
    path = write_zip(tmp_path, recordings={"7/00003.bin": events}, method=method)
    damaged = bytearray(path.read_bytes())
    for i in range(100, 140):
        damaged[i] ^= 0xA5
    path.write_bytes(damaged)
    text = refused(tmp_path, "Train/7/00003.bin in ")
    assert "the zip is damaged, fetch it again" in text


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_with_any_byte_damaged_is_read_or_named(tmp_path, method):
    rng = np.random.default_rng(3)
    path = write_zip(tmp_path, recordings={"7/00003.bin": [(t, 1, 2, 0) for t in range(0, 700, 7)]}, method=method)
    whole = path.read_bytes()
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= rng.integers(1, 256)
        path.write_bytes(damaged)
        try:
            load_nmnist(tmp_path, "train")
        except ValueError as error:
            assert "Train.zip" in str(error)


def test_an_encrypted_member_is_named(tmp_path):
    path = write_zip(tmp_path, recordings={"7/00003.bin": [(0, 1, 1, 0)]})
    marked = bytearray(path.read_bytes())
    marked[marked.rindex(b"PK\x01\x02") + 8] |= 1
    marked[marked.rindex(b"PK\x03\x04") + 6] |= 1
    path.write_bytes(marked)
    text = refused(tmp_path, "Train/7/00003.bin in ")
    assert "cannot be unpacked by this Python" in text
    assert "pass the folder that holds Train/" in text


def test_a_test_set_under_the_training_sets_name_is_refused(tmp_path):
    write_zip(tmp_path, "Test", name="Train.zip")
    refused(tmp_path, "of the set Test, where Train is needed: give the two zips their published names")


def test_an_unknown_split_is_refused(tmp_path):
    refused(tmp_path, "split came as 'validation': pass 'train' or 'test'", split="validation")
