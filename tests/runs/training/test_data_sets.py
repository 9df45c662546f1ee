"""Both models on each other's data: the same samples, and what they cost."""

import numpy as np
import pytest

from runs.config import ConfigError, make_config
from runs.data import load_events, load_mnist
from runs.deploy.opening import open_network
from runs.training import make_learner, train
from runs.training.bats_input import spike_trains
from runs.training.bats_network import build, fan_outs

TINY = {"epochs": 1, "train_samples": 8, "test_samples": 4, "hidden": (12,), "batch": 4}


def test_bats_sees_every_event_of_a_recording():
    trains = spike_trains(make_config("bats", {**TINY, "dataset": "nmnist"}), "train")
    times, counts = trains.take(np.arange(4))
    wanted = load_events("nmnist", "train").bin(range(4), 300)
    assert times.shape[:2] == counts.shape == (4, 2312) and trains.shape == (34, 34, 2)
    assert np.array_equal(counts, wanted.sum(-1))
    assert np.array_equal(np.isfinite(times).sum(-1), counts)


def test_bats_puts_events_on_its_grid_only_where_asked():
    on, off = (
        spike_trains(make_config("bats", {**TINY, "dataset": "nmnist", "dt": 0.01, "grid_inputs": g}), "test").take(
            np.arange(2)
        )[0]
        for g in (True, False)
    )
    there = np.isfinite(on)
    assert np.array_equal(there, np.isfinite(off))
    assert np.abs(on[there] / 0.01 - np.rint(on[there] / 0.01)).max() < 1e-4 and np.all(on[there] >= off[there])
    assert np.abs(off[there] / 0.01 - np.rint(off[there] / 0.01)).max() > 0.1


def test_images_by_rate_are_drawn_anew_in_every_epoch_and_alike_for_the_same():
    trains = spike_trains(make_config("bats", {**TINY, "encoding": "rate"}), "train")
    first, again, other = (trains.at_epoch(epoch).take(np.arange(4))[1] for epoch in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    images = load_mnist(None, "train").images[:4].reshape(4, -1)
    expected = (images * (100 * 0.3 / 255)).sum()  # 100 spikes a second of a white pixel, for 0.3 s
    assert abs(first.sum() - expected) < 5 * np.sqrt(expected)


def test_the_cost_of_a_sample_is_told(watcher):
    row = make_learner(make_config("bats", TINY)).test()
    pixels = np.count_nonzero(load_mnist(None, "test").images[:4]) / 4
    assert row["test_input_spikes"] == pixels
    hidden = row["test_spikes_hidden1"] * 12
    assert row["test_synaptic_operations"] == pytest.approx(pixels * 12 + hidden * 10)
    assert row["test_simulated_seconds"] == 0.3


def test_spikes_reach_as_many_synapses_as_there_are():
    config = make_config("bats", {"network": "conv", "filters": (2, 3), "hidden": (7,)})
    network = build(config, (28, 28, 1), 10)
    conv1, conv2 = 24 * 24 * 2 * 25, 8 * 8 * 3 * 25 * 2
    assert fan_outs(network) == [conv1 / 784, conv2 / (12 * 12 * 2), 7, 10]
    assert fan_outs(build(make_config("bats", {"hidden": (8, 9)}), (34, 34, 2), 10)) == [8, 9, 10]


def test_slayer_counts_what_enters_together_once():
    pytest.importorskip("lava_dt", reason="SLAYER needs torch, lava-nc and lava-dl")
    values = {**TINY, "steps": 60, "dt": 4}
    row = make_learner(make_config("slayer", values)).test()
    binned = load_events("nmnist", "test").bin(range(4), 60, 4)
    assert row["test_input_spikes"] == np.count_nonzero(binned) / 4 < binned.sum() / 4
    assert row["test_neuron_updates"] == 15 * 22
    mnist = make_learner(make_config("slayer", {**values, "dataset": "mnist"}))
    assert mnist.data_name().startswith("MNIST") and mnist.blocks[0].synapse.in_channels == 784


@pytest.mark.parametrize(
    ("model", "values", "sentence"),
    [
        ("slayer", {"dataset": "mnist", "steps": 40, "dt": 4}, "was trained on mnist, but runs of SLAYER are"),
        (
            "bats",
            {"dataset": "nmnist", "dt": 0.01},
            r"trained on nmnist \(encoding None\), but Lava is fed",
        ),
    ],
)
def test_what_lava_cannot_be_fed_with_is_not_exported(model, values, sentence, tmp_path, watcher):
    pytest.importorskip("lava_dt", reason="exports need torch, lava-nc and lava-dl")
    train(make_config(model, {**TINY, **values}), tmp_path, watcher())
    with pytest.raises(ConfigError, match=sentence):
        open_network(tmp_path)
