"""What a `tune` keeps: whole files, sealed, of one network and one set of data."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")

from runs.config import ConfigError  # noqa: E402
from runs.tune.paired import Interval  # noqa: E402
from runs.tune.result import Rung, Score  # noqa: E402
from runs.tune.store import FORMAT, Damaged, Store, decoded, encoded, read_sealed, write_sealed  # noqa: E402

WHO = {"network": "abc", "seed": 0}


def through_a_file(value, tmp_path):
    write_sealed(tmp_path / "value.json", encoded(value))
    return decoded(read_sealed(tmp_path / "value.json"))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 0.1, "text", math.inf, -math.inf, (1, (2.5, None)), [1, "two"], {"a": (1,), "b": {}},
        Path("here/there"), Interval(-0.1, 0.2, 0.95), Score(4, "a", (Rung(5, 3, 4),), None),
        lava_dt.Timestep(4, clock="coarse", saturate=True),
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value, tmp_path):
    back = through_a_file(value, tmp_path)
    assert back == value and type(back) is type(value)


def test_no_number_comes_back_as_none(tmp_path):
    assert math.isnan(through_a_file(math.nan, tmp_path))


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool"])
def test_arrays_come_back_with_their_type_and_shape(dtype, tmp_path):
    array = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    back = through_a_file(array, tmp_path)
    assert back.dtype == array.dtype and np.array_equal(back, array)
    assert through_a_file(np.zeros((0, 2), dtype), tmp_path).shape == (0, 2)


def test_a_number_that_json_has_no_word_for_is_still_json(tmp_path):
    write_sealed(tmp_path / "value.json", encoded({"a": math.inf, "b": np.array([math.nan])}))

    def refuse(constant):
        raise AssertionError(constant)

    json.loads((tmp_path / "value.json").read_text(), parse_constant=refuse)


@dataclass
class Stranger:
    x: int = 0


@pytest.mark.parametrize("value", [Stranger(), object(), {1, 2}, lambda: None])
def test_what_no_file_may_hold_is_refused(value):
    with pytest.raises(TypeError, match="cannot be kept in a file"):
        encoded(value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({":Stranger": {"x": 1}}, "it holds a Stranger, which is nothing that is kept in such files"),
        ({":Rung": {"samples": 1}}, "it holds a Rung of another version"),
        ({":array": [1], "dtype": "object", "shape": [1]}, "only numbers are kept"),
    ],
)
def test_nothing_else_is_built_from_a_file(content, told):
    with pytest.raises(Damaged, match=told):
        decoded(content)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"7", b'{"content": 1}', b"\xff\xfe"])
def test_a_file_that_is_not_sealed_is_damaged(damage, tmp_path):
    (tmp_path / "value.json").write_bytes(damage)
    with pytest.raises(Damaged, match="no sealed JSON"):
        read_sealed(tmp_path / "value.json")


def test_every_changed_digit_breaks_the_seal(tmp_path):
    file = tmp_path / "value.json"
    write_sealed(file, encoded(np.arange(5)))
    text = file.read_text()
    for place in [i for i, letter in enumerate(text) if letter.isdigit()]:
        file.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        with pytest.raises(Damaged):
            read_sealed(file)


def test_a_value_is_computed_once_for_all_sessions(tmp_path):
    assert Store(tmp_path / "out", WHO).get("one", lambda: (1, 2)) == (1, 2)
    assert Store(tmp_path / "out", WHO).get("one", lambda: 1 / 0) == (1, 2)
    assert Store(tmp_path / "out", WHO).load("two") is None


def test_a_damaged_file_is_told_of_and_computed_again(tmp_path):
    told = []
    store = Store(tmp_path / "out", WHO, told.append)
    store.save("one", 1)
    (tmp_path / "out" / "measured" / "one.json").write_text('{"crc32": 5, "content": {"value": 7, "seconds": 0}}')
    assert store.get("one", lambda: 2) == 2
    assert len(told) == 1 and "one.json is damaged (its sum is not that of its content)" in told[0]
    assert store.load("one") == 2 and len(told) == 1


def test_the_time_of_all_sessions_is_summed(tmp_path, monkeypatch):
    clock = iter([0.0, 5.0, 6.0, 100.0, 100.0, 107.0])
    monkeypatch.setattr("runs.tune.store.time.monotonic", lambda: next(clock))
    first = Store(tmp_path / "out", WHO)  # at 0
    first.save("one", 1)  # at 5
    assert first.seconds == 6  # at 6
    second = Store(tmp_path / "out", WHO)  # at 100
    second.load("one")
    assert second.seconds == 5  # at 100
    assert second.seconds == 12  # at 107


def test_a_directory_of_something_else_is_refused(tmp_path):
    Store(tmp_path / "out", WHO)
    with pytest.raises(ConfigError, match=r"tune of something else, network = abc \(asked for: xyz\): give another"):
        Store(tmp_path / "out", {**WHO, "network": "xyz"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds something, but no tune: give --out a directory that is new or empty"):
        Store(tmp_path / "full", WHO)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="holds something, but no tune"):
        Store(tmp_path / "file", WHO)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"below cannot be written to \(Not a directory\): give --out a directory"):
        Store(tmp_path / "file" / "below", WHO)


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_directory_that_does_not_say_whose_it_is_is_refused(tmp_path, damage):
    Store(tmp_path / "out", WHO)
    (tmp_path / "out" / "config.json").write_text(damage)
    with pytest.raises(ConfigError, match=r"config\.json is damaged, so nobody knows which network and data"):
        Store(tmp_path / "out", WHO)


def test_a_directory_that_was_killed_at_its_first_file_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json.part").write_text("{")
    Store(tmp_path / "out", WHO)
    held = json.loads((tmp_path / "out" / "config.json").read_text())
    assert held.items() >= {"format": FORMAT, **WHO}.items()


def test_what_another_version_measured_is_not_mixed_in(tmp_path, monkeypatch):
    Store(tmp_path / "out", WHO)
    monkeypatch.setattr("runs.tune.store._version", lambda: "99.0")
    with pytest.raises(ConfigError, match=r"lava-dt = .* \(asked for: 99\.0\): give another --out"):
        Store(tmp_path / "out", WHO)
