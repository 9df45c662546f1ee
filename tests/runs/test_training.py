"""Both networks: stopped and continued they end as if undisturbed, and they learn."""

import numpy as np
import pytest

from runs.config import ConfigError, make_config
from runs.training import make_learner, train
from runs.training.loop import batches
from runs.training.scores import Scores

TINY = {"epochs": 3, "train_samples": 48, "test_samples": 16, "hidden": (24,), "batch": 16}
SLAYER = {"steps": 60, "learning_rate": 1e-2}
pytestmark = pytest.mark.filterwarnings("ignore:.*lost .* spikes")  # convolutions keep few spikes, as upstream's do


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("bats", {}),
        ("bats", {"dt": 0.01, "rule": "detect"}),
        ("bats", {"dt": 0.004, "hidden": (16, 12)}),
        ("bats", {"dt": 0.01, "rule": "published", "published_pixels": True, "grid_inputs": False}),
        ("bats", {"tau_mem": 0.1, "silent_labels": 10.0, "halve_every": 1, "epoch_samples": 32}),
        ("bats", {"loss": "ttfs", "batch": 16}),
        ("bats", {"network": "conv", "filters": (2, 3), "hidden": (8,), "train_samples": 16, "test_samples": 4}),
        ("slayer", SLAYER),
        ("bats", {"dataset": "nmnist", "train_samples": 16, "test_samples": 4, "batch": 8}),
        ("bats", {"encoding": "rate", "train_samples": 16, "test_samples": 4, "batch": 8, "dt": 0.01}),
        ("slayer", {**SLAYER, "dt": 4, "delay": True}),
        ("slayer", {**SLAYER, "dataset": "mnist", "encoding": "rate", "dt": 4}),
        ("slayer", {**SLAYER, "protocol": "published", "dt": 4, "hidden": (16, 12)}),
        ("slayer", {**SLAYER, "protocol": "published", "dt": 4, "hidden": (16,), "rescale": True, "test_fine": False}),
        ("slayer", {**SLAYER, "dt": 4, "clock": "held", "weight_norm": False}),
    ],
)
def test_a_stopped_run_continues_to_the_same_result_bit_for_bit(model, values, tmp_path, watcher, outcome):
    if model == "slayer":
        pytest.importorskip("lava_dt", reason="SLAYER needs torch, lava-nc and lava-dl")
    config = make_config(model, {**TINY, **values})
    train(config, tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "stopped", watcher(stop=2))
    again = watcher()
    train(config, tmp_path / "stopped", again)
    assert again.started == [1]
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "undisturbed")


def test_the_seed_decides_weights_and_order():
    first, again, other = (make_learner(make_config("bats", {**TINY, "seed": seed})).arrays() for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["weights.hidden1"], other["weights.hidden1"])
    orders = [np.concatenate(batches(100, 32, seed, epoch)) for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2]) and not np.array_equal(orders[0], orders[3])
    assert all(np.array_equal(np.sort(order), np.arange(100)) for order in orders)


def test_batches_leave_nothing_out():
    assert [len(batch) for batch in batches(70, 32, 0, 1)] == [32, 32, 6]
    assert [list(batch) for batch in batches(3, 2, None, 0)] == [[0, 1], [2]]


def test_an_epoch_of_fewer_samples_draws_them_anew_from_all():
    first, second = (np.concatenate(batches(1000, 32, 0, epoch, 70)) for epoch in (1, 2))
    assert len(first) == len(second) == 70 and len(set(first)) == 70
    assert len(set(first) & set(second)) < 20  # 70 * 70 / 1000 = 5 by chance
    assert first.max() > 900


@pytest.mark.parametrize("values", [{}, {"bins": 30}, {"bins": 30, "rule": "detect"}])
def test_bats_learns_the_shipped_digits(values, tmp_path, watcher):
    config = make_config(
        "bats", {"epochs": 3, "train_samples": 1000, "test_samples": 200, "hidden": (256,), "batch": 16, **values}
    )
    rows = train(config, tmp_path, watcher())
    assert rows[-1]["test_accuracy"] > 0.5  # chance is 0.1
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_classes_whose_neuron_has_fallen_silent_come_back_with_the_remedy_only(watcher):
    values = {"train_samples": 100, "test_samples": 100, "hidden": (64,), "batch": 10}
    dead = {}
    for strength in (0.0, 10.0):  # weights and learning rate are such that the first steps silence most outputs
        config = {**values, "weight_range": (-0.2, 1), "learning_rate": 0.02, "silent_labels": strength}
        learner = make_learner(make_config("bats", config))
        weights = learner.arrays()
        weights["weights.output"] = np.full((10, 64), 0.1, np.float32)
        learner.restore(weights)
        for epoch in (1, 2):
            learner.train_epoch(epoch, watcher())
        dead[strength] = learner.test()["test_dead_classes"]
    assert dead[0.0] >= 5 and dead[10.0] == 0


def test_a_network_of_other_hidden_layers_is_another_run(tmp_path, watcher):
    train(make_config("bats", {**TINY, "epochs": 1}), tmp_path, watcher())
    with pytest.raises(ConfigError, match=r"hidden = \[24\] \(asked for: \[25\]\)"):
        train(make_config("bats", {**TINY, "epochs": 1, "hidden": (25,)}), tmp_path, watcher())


def test_scores_worked_by_hand():
    scores = Scores((4, 10))
    counts = np.zeros((3, 10), int)
    counts[0, 2], counts[1, 5], counts[2, 1] = 3, 1, 2
    scores.add(np.array([2, 5, 7]), np.array([2, 1, 1]), counts, [8.0, 6.0], loss=9.0)
    row = scores.row("test")
    assert row["test_accuracy"] == pytest.approx(1 / 3)
    assert row["test_loss"] == 3.0
    assert row["test_silent_labels"] == pytest.approx(1 / 3)  # the sample of class 7
    assert row["test_dead_classes"] == 1
    assert row["test_spikes_hidden1"] == pytest.approx(8 / 3 / 4)
    assert row["test_spikes_output"] == pytest.approx(6 / 3 / 10)
