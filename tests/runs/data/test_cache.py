"""Event files: whole or not there, checked when opened, made once by however many ask."""

import os
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from runs.data import cache as cache_module
from runs.data import load_events
from runs.data.cache import cache_folder, kept
from runs.data.nmnist import load_nmnist
from runs.data.source import StoredEvents
from runs.data.store import DamagedError, OutdatedError, open_store, write_store
from runs.shipped import NMNIST

KEY = {"of": "numbers", "state": [1, 2]}


def events(n=1000, channels=np.uint16):
    draw = np.random.default_rng(n)
    return StoredEvents(
        ticks=np.sort(draw.integers(0, 300, n)).astype(np.int32),
        channels=draw.integers(0, 6, n).astype(channels),
        offsets=np.array([0, n // 3, n], np.int64),
        labels=np.array([3, 1], np.int64),
        name="numbers",
        shape=(2, 3, 1),
        n_classes=4,
        tick=1e-3,
        duration=0.3,
    )


@pytest.mark.parametrize("channels", [np.uint16, np.int32])
@pytest.mark.parametrize("n", [0, 1000])
def test_what_is_opened_is_what_was_written(tmp_path, channels, n):
    path, written = tmp_path / "a.events", events(n, channels)
    write_store(path, written, KEY)
    opened = open_store(path, KEY)
    for name in ("ticks", "channels", "offsets", "labels"):
        assert getattr(opened, name).dtype == getattr(written, name).dtype
        np.testing.assert_array_equal(getattr(opened, name), getattr(written, name))
    for name in ("name", "shape", "n_classes", "tick", "duration"):
        assert getattr(opened, name) == getattr(written, name)
    assert os.listdir(tmp_path) == ["a.events"]


def test_writing_to_the_arrays_does_not_reach_the_file(tmp_path):
    write_store(tmp_path / "a.events", events(), KEY)
    open_store(tmp_path / "a.events", KEY).ticks[:] = 7
    assert open_store(tmp_path / "a.events", KEY).ticks.max() > 7


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "a.events"
    write_store(path, events(50), KEY)
    whole = path.read_bytes()
    arrays = len(whole) - 16 - 128 * 3  # the labels' 16 bytes, and at most 128 of padding and data before each array
    for place in [*range(0, arrays, 7), len(whole) - 1]:
        broken = bytearray(whole)
        broken[place] ^= 4
        path.write_bytes(broken)
        try:
            opened = open_store(path, KEY)
        except DamagedError:
            continue
        np.testing.assert_array_equal(opened.ticks, events(50).ticks)  # the byte was between two arrays
        np.testing.assert_array_equal(opened.channels, events(50).channels)
    for length in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            open_store(path, KEY)


def test_a_file_of_another_key_is_outdated(tmp_path):
    write_store(tmp_path / "a.events", events(), KEY)
    with pytest.raises(OutdatedError):
        open_store(tmp_path / "a.events", {**KEY, "state": [1, 3]})


def test_events_are_made_once_and_again_when_damaged_or_outdated(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return events()

    for _ in range(3):
        np.testing.assert_array_equal(kept(tmp_path, "x", KEY, make).ticks, events().ticks)
    assert len(calls) == 1
    kept(tmp_path, "x", {**KEY, "state": [9]}, make)
    assert len(calls) == 2 and len(list(tmp_path.glob("*.events"))) == 1
    (file,) = tmp_path.glob("x-*.events")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.warns(UserWarning, match=r"is damaged \(its labels end too early .*\): it is made anew"):
        kept(tmp_path, "x", {**KEY, "state": [9]}, make)
    assert len(calls) == 3
    kept(False, "x", KEY, make)
    assert len(calls) == 4


def test_what_a_killed_process_left_is_removed(tmp_path):
    kept(tmp_path, "x", KEY, events)
    (file,) = tmp_path.glob("x-*.events")
    left = tmp_path / f".{file.name}.12345.part"
    left.write_bytes(b"half")
    file.unlink()
    kept(tmp_path, "x", KEY, events)
    assert not left.exists() and file.exists()


def test_where_nothing_can_be_written_the_events_stay_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match=r"cannot be written \(.*\): the events stay in memory"):
        assert len(kept(tmp_path / "file", "x", KEY, events).labels) == 2

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module, "write_store", full)
    with pytest.warns(UserWarning, match=r"could not be written \(.*No space left.*\): the events stay in memory"):
        assert len(kept(tmp_path, "x", KEY, events).labels) == 2


def test_an_error_of_the_maker_is_its_own(tmp_path):
    def make():
        raise FileNotFoundError("no such recordings")

    with pytest.raises(FileNotFoundError, match="no such recordings"):
        kept(tmp_path, "x", KEY, make)


def test_of_many_who_ask_at_once_one_makes_the_file(tmp_path):
    calls = []

    def make():
        calls.append(1)
        time.sleep(0.2)
        return events()

    # the lock belongs to whoever opened the file, so threads stand for processes
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: kept(tmp_path, "x", KEY, make), range(4)))
    assert len(calls) == 1 and all(len(one.ticks) == 1000 for one in found)


def test_the_folder_is_that_of_the_argument_the_variable_or_the_platform(tmp_path, monkeypatch):
    monkeypatch.delenv("LAVA_DT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform.startswith("linux"):
        assert cache_folder() == tmp_path / "xdg" / "lava-dt"
    monkeypatch.setenv("LAVA_DT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert cache_folder(False) is None


def test_nmnist_from_a_folder_is_kept_and_read_again_when_its_files_change(tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    (data / "Test.zip").write_bytes((NMNIST / "Test.zip").read_bytes())
    first = load_events("nmnist", "test", folder=data, cache=cache)
    (file,) = cache.glob("nmnist-test-*.events")
    written = file.stat().st_mtime_ns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load_events("nmnist", "test", folder=str(data), cache=cache)
    assert file.stat().st_mtime_ns == written and again.crc32 == first.crc32 == load_events("nmnist", "test").crc32
    recordings = load_nmnist(None, "test")
    np.testing.assert_array_equal(again.bin([3], 300, 10), recordings.bin([3], 300, 10))
    os.utime(data / "Test.zip", (1, 1))
    load_events("nmnist", "test", folder=data, cache=cache)
    assert file.stat().st_mtime_ns != written


def test_what_is_shipped_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("LAVA_DT_CACHE", str(tmp_path))
    load_events("nmnist", "test")
    assert not list(tmp_path.iterdir())
