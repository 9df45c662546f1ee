"""`lava-dt bench data`: its statistics by hand, its pairs of recordings and images, its tables."""

import dataclasses
import json

import numpy as np
import pytest

from runs.arguments import parse
from runs.bench.data import loading, run
from runs.bench.data.fit import cost, fit
from runs.bench.data.options import DataBench
from runs.bench.data.pairing import pair
from runs.bench.data.statistics import describe, distances
from runs.config import BatsConfig
from runs.data import Saccade, load_events, load_mnist
from runs.data.nmnist import load_nmnist, recording_numbers
from runs.data.saccade import record
from runs.data.source import StoredEvents
from runs.shipped import NMNIST
from runs.shipped.make import write_idx


def channel(polarity, y, x):
    return (polarity * 34 + y) * 34 + x


@pytest.fixture
def two():
    """Two recordings: three events, of which one after 0.3 s; and one event."""
    events = [(1_000, 1, 2, 3), (6_500, 1, 2, 3), (310_000, 0, 0, 0), (250_000, 0, 30, 10)]
    return StoredEvents(
        ticks=np.array([t for t, *_ in events], np.int32),
        channels=np.array([channel(*place) for _, *place in events], np.uint16),
        offsets=np.array([0, 3, 4], np.int64),
        labels=np.array([0, 1], np.int64),
        name="two",
        shape=(34, 34, 2),
        n_classes=10,
        tick=1e-6,
        duration=0.3,
    )


@pytest.fixture(scope="module")
def images():
    return load_mnist(None, "train").take(slice(0, 8))


def test_statistics_of_a_case_worked_by_hand(two):
    found = describe(two)
    assert found.events.tolist() == [2, 1] and found.on_share == pytest.approx(2 / 3)
    assert found.in_time[1, :2].tolist() == [0.5, 0.5] and found.in_time[0, 50] == 0.5 and found.in_time.sum() == 1.5
    assert found.in_columns[[3, 10]].tolist() == [1, 0.5] and found.in_rows[[2, 30]].tolist() == [1, 0.5]
    assert found.busy[:2].tolist() == [0.5, 0.5] and found.active == 1
    assert found.gaps == pytest.approx([5.5] * 4)
    assert found.in_saccade().tolist() == [1, 0, 0.5]
    assert found.centre[0, 1].tolist() == [3, 2] and found.centre[25, 0].tolist() == [10, 30]
    assert found.pixel_rate() == pytest.approx(1.5 / 1 / 0.3)
    assert describe(two, np.array([1])).events.tolist() == [1]


def test_a_set_is_at_no_distance_from_itself_and_at_some_from_another(images):
    ours = describe(record(images, Saccade(), "MNIST", 10))
    other = describe(record(images, Saccade(down=1.0, threshold_on=0.6), "MNIST", 10))
    assert max(distances(ours, ours).values()) == 0
    apart = distances(other, ours)
    assert min(apart[name] for name in ("events", "ON share", "time", "rows", "centre")) > 0.02


def test_a_fit_finds_its_way_back_to_the_camera_that_recorded(images):
    real = describe(record(images, Saccade(seed=5), "MNIST", 10))
    begin = dataclasses.replace(Saccade(), threshold_on=0.4, threshold_off=0.4)
    told = []
    found = fit(images, real, begin, 12, seed=1, told=lambda number, lowest, _: told.append(lowest))
    assert len(told) == 12 and told == sorted(told, reverse=True)
    assert cost(images, real, found) == told[-1] < cost(images, real, begin)


def test_recordings_are_numbered_as_they_are_loaded():
    numbers = recording_numbers(None, "train")
    assert len(numbers) == len(load_nmnist(None, "train")) and (np.diff(numbers) > 0).all()


def test_shipped_recordings_are_paired_with_their_own_images():
    """The shipped images begin as MNIST does, until the first digit is there 300 times."""
    pairs = pair(None, None, 20)
    numbers = recording_numbers(None, "train")
    assert pairs.same and [len(rows) for rows in pairs.rows] == [10, 10]
    for half, (rows, shown) in enumerate(zip(pairs.rows, pairs.images, strict=True)):
        assert (numbers[rows] % 2 == half).all()
        np.testing.assert_array_equal(shown.images, load_mnist(None, "train").images[numbers[rows] - 1])


def test_recordings_of_other_images_are_paired_with_images_of_their_labels(tmp_path):
    images = load_mnist(None, "train").take(slice(1200, None, -1))
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images.images)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", images.labels)
    pairs = pair(tmp_path, None, 20)
    assert not pairs.same
    for rows, shown in zip(pairs.rows, pairs.images, strict=True):
        np.testing.assert_array_equal(shown.labels, pairs.events.labels[rows])
        assert len(np.unique(shown.images, axis=0)) == len(rows)


def test_default_recordings_are_as_far_from_real_ones_as_was_measured():
    """The shipped recordings, few: the bounds are about twice what was found on many."""
    pairs = pair(None, None, 40)
    ours = describe(record(pairs.images[1], Saccade(), "MNIST", 10))
    apart = distances(ours, describe(pairs.events, pairs.rows[1]))
    bounds = {"events": 0.1, "ON share": 0.04, "time": 0.25, "columns": 0.06, "rows": 0.06, "active channels": 0.05}
    assert all(apart[name] < bound for name, bound in bounds.items()), apart


def test_the_command_writes_the_table_of_recordings(tmp_path, capsys):
    typed = ["bench", "data", "--only", "recordings", "--recordings", "8", "--out", str(tmp_path / "out")]
    assert parse(typed).run() == 0
    page = (tmp_path / "out" / "bench.md").read_text()
    for words in (
        "share of ON events",
        "events in saccades 1 / 2 / 3",
        "apart: histogram over time",
        "never fitted to",
    ):
        assert words in page
    result = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert result["complete"] and [half["recordings"] for half in result["recordings"]["halves"]] == [4, 4]
    assert (tmp_path / "out" / "bench.svg").read_text().count("<svg") == 1
    assert "N-MNIST and its simulation, 4 recordings" in capsys.readouterr().out


def test_loading_is_set_beside_training(tmp_path, monkeypatch):
    config = BatsConfig(hidden=(8,), train_samples=64, test_samples=1)
    trained = [("BATS", config, ("MNIST, latency", "spike_trains", None))]
    monkeypatch.setattr(loading, "_trained", lambda options: trained)
    monkeypatch.setattr(loading, "_SIZES", (32,))
    assert run.run_data(DataBench(only=("loading",), repeats=1, threads=1, out=tmp_path / "out")) == 0
    page = (tmp_path / "out" / "bench.md").read_text()
    assert "| BATS |" in page and "the loader's share of a training step" in page
    assert "N-MNIST: listed, dt 10 ms, 32" in page


def test_a_model_that_cannot_be_trained_here_is_told(tmp_path, monkeypatch, capsys):
    trained = [("SLAYER", None, ("N-MNIST", "listed", 1))]
    monkeypatch.setattr(loading, "_trained", lambda options: trained)
    monkeypatch.setattr(loading, "_SIZES", (32,))

    def missing(config):
        raise ImportError("SLAYER needs torch")

    monkeypatch.setattr(loading, "make_learner", missing)
    assert run.run_data(DataBench(only=("loading",), repeats=1, threads=1, out=tmp_path / "out")) == 1
    assert "SLAYER is left out: ImportError: SLAYER needs torch" in capsys.readouterr().err


def test_opening_from_the_cache_is_measured_where_a_folder_is_given(tmp_path):
    found = loading._opening(NMNIST, 1)
    events = load_events("nmnist", "train")
    assert found["bytes"] > 6 * len(events.source.ticks)
    assert loading._opening(None, 1) is None
