"""Samples of any kind at any step, and the two sets that share none."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

import lava_dt
from runs.config import ConfigError
from runs.data import load_mnist, load_nmnist
from runs.deploy.encoding import Encoding
from runs.deploy.samples import images
from runs.tune.data import open_data

EVENTS = Encoding(input="events", steps=50)
LATENCY = Encoding(input="latency", steps=120, window=0.1)


def network(encoding=EVENTS, shape=(2312,), fine_step=1e-3, per_step=1):
    """What `open_data` asks of a network."""
    return SimpleNamespace(
        name="net", encoding=encoding, shape=shape, fine_step=fine_step, per_step=per_step, data=None
    )


def arrays(folder, n=20, shape=(5,), steps=13):
    path = folder / "data.npz"
    rng = np.random.default_rng(0)
    np.savez_compressed(path, spikes=rng.poisson(0.4, (n, *shape, steps)).astype(np.uint8), labels=np.arange(n) % 3)
    return path


def each(tmp_path):
    """Samples of each kind, in one shape and in two."""
    yield open_data(None, network(), test=6)[1]
    yield open_data(None, network(shape=(2, 34, 34)), test=6)[1]
    yield open_data(None, network(LATENCY, (784,)), test=6)[1]
    yield open_data(None, network(LATENCY, (1, 28, 28)), test=6)[1]
    yield open_data(arrays(tmp_path), network(None, (5,)), test=6)[1]
    yield open_data(arrays(tmp_path, shape=(2, 3, 4)), network(None, None), test=6)[1]


@pytest.mark.parametrize("dt", [1, 2, 4, 7, 16])
def test_a_coarse_batch_is_what_rebin_makes_of_the_fine_one_sparse_or_not(tmp_path, dt):
    for samples in each(tmp_path):
        rows = [4, 0, 5]
        fine = samples.batch(rows)
        assert fine.shape == (3, *samples.shape, samples.steps) and fine.dtype == torch.float32 and fine.any()
        wanted = lava_dt.rebin(fine, dt)
        assert torch.equal(samples.batch(rows, dt), wanted)
        sparse = samples.batch(rows, dt, sparse=True)
        assert sparse.layout == torch.sparse_coo and torch.equal(sparse.to_dense(), wanted)


def test_recordings_and_images_are_those_of_the_readers():
    recordings, shown = load_nmnist(None, "test"), load_mnist(None, "test")
    test = open_data(None, network(), test=5)[1]
    assert np.array_equal(test.batch(np.arange(5)).numpy(), recordings.bin(np.arange(5), 50))
    assert np.array_equal(test.labels, recordings.labels[:5]) and test.seconds == pytest.approx(0.05)
    pictures = open_data(None, network(LATENCY, (784,)), test=5)[1]
    known = images(None, "test", steps=120, step=1e-3, window=0.1)
    assert np.array_equal(pictures.batch(np.arange(5)).numpy(), known.first(5))
    assert np.array_equal(pictures.images, shown.images[:5])


def test_a_network_of_a_coarser_step_gets_its_own_bins_and_no_event_beyond_the_recording():
    recordings = load_nmnist(None, "test")
    test = open_data(None, network(per_step=8, fine_step=8e-3), test=4)[1]
    assert (test.steps, test.seconds) == (7, pytest.approx(0.05))
    for dt in (1, 2):
        assert np.array_equal(test.batch(range(4), dt).numpy(), recordings.bin(range(4), 50, 8 * dt))


def test_calibration_is_drawn_from_the_training_split_by_the_seed():
    train = load_nmnist(None, "train")
    (one, test), (again, _), (other, _) = (open_data(None, network(), 30, seed=seed) for seed in (0, 0, 1))
    assert (len(one), len(test)) == (30, 80) and one.checksum == again.checksum != other.checksum
    assert not np.array_equal(one.labels, train.labels[:30])
    every, _ = open_data(None, network(), None)
    assert len(every) == 200 and np.array_equal(np.sort(every.labels), np.sort(train.labels))
    assert np.array_equal(every.take(slice(30)).batch(range(30)), one.batch(range(30)))  # nested, whatever the number


def test_checksums_tell_content_order_and_encoding(tmp_path):
    found = [samples.checksum for samples in each(tmp_path)]
    found += [samples.take([1, 0]).checksum for samples in each(tmp_path)]
    assert len(set(found)) == len(found)


def test_arrays_are_split_into_two_halves_that_share_nothing(tmp_path):
    path = arrays(tmp_path, n=21)
    with np.load(path) as file:
        spikes, labels = file["spikes"], file["labels"]
    calibration, test = open_data(path, network(None, (5,)), None, seed=3)
    assert (len(calibration), len(test), test.steps, test.seconds) == (10, 11, 13, pytest.approx(0.013))
    rows = [next(i for i, one in enumerate(spikes) if np.array_equal(one, sample)) for half in (calibration, test)
            for sample in half.spikes]  # fmt: skip
    assert sorted(rows) == list(range(21))
    assert np.array_equal(np.concatenate([calibration.labels, test.labels]), labels[rows])
    assert open_data(path, network(None, (5,)), None, seed=4)[1].checksum != test.checksum


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"labels": np.zeros(4, int)}, r"has no array 'spikes' \(it has labels\)"),
        (
            {"spikes": np.zeros((4, 5, 6)), "labels": np.zeros(3, int)},
            r"shape \(3,\) for 4 samples",
        ),
        ({"spikes": np.zeros((4, 5, 6)), "labels": np.zeros(4)}, "labels of float64"),
        ({"spikes": np.zeros((4, 6)), "labels": np.zeros(4, int)}, r"save numbers \(n, neurons, steps\)"),
        ({"spikes": np.zeros((4, 7, 6)), "labels": np.zeros(4, int)}, r"shape \(7,\), but net takes \(5,\)"),
        ({"spikes": np.full((4, 5, 6), 0.5), "labels": np.zeros(4, int)}, "spikes that are no whole numbers"),
        ({"spikes": np.full((4, 5, 6), np.nan), "labels": np.zeros(4, int)}, "spikes that are no whole numbers"),
        ({"spikes": np.full((4, 5, 6), -1), "labels": np.zeros(4, int)}, "has -1 spikes in a step"),
        ({"spikes": np.array([object()] * 4), "labels": np.zeros(4, int)}, "cannot be read without unpickling"),
    ],
)
def test_arrays_that_are_no_spikes_are_refused(tmp_path, content, message):
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(ConfigError, match=message):
        open_data(tmp_path / "bad.npz", network(None, (5,)))


def test_data_that_the_network_does_not_take_are_refused(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    for folder, asked, options, message in (
        (tmp_path / "no.npz", network(None, (5,)), {}, "there is no .*no.npz: pass a folder"),
        (tmp_path / "bad.npz", network(None, (5,)), {}, "is no .npz file, or a damaged one|without unpickling"),
        (None, network(None, (5,)), {}, "net takes neither N-MNIST's recordings nor images"),
        (None, network(), {"calibration": 0}, "calibration is 0: give a number of samples"),
        (None, network(), {"test": -1}, "test is -1"),
    ):
        with pytest.raises(ConfigError, match=message):
            open_data(folder, asked, **options)


@pytest.mark.parametrize(("encoding", "shape"), [(EVENTS, (2312,)), (LATENCY, (784,))])
def test_data_that_are_not_there_are_fetched_by_a_command_that_can(tmp_path, encoding, shape):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"or fetch (it|them) by lava-dt train with --data DIR --download$"):
            open_data(folder, network(encoding, shape))
