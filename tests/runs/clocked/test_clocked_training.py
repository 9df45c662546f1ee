"""The clock-driven model: stopped and continued it ends as if undisturbed, and it learns."""

import numpy as np
import pytest

from runs.config import make_config
from runs.observables import read_observables
from runs.training import make_learner, train
from runs.training.clocked_lbfgs import minimise
from runs.training.clocked_network import build, evenly, loss_of

pytest.importorskip("pywt", reason="observables need PyWavelets")
TINY = {"epochs": 3, "train_samples": 40, "test_samples": 16, "hidden": (12,), "batch": 20, "steps": 20, "dt": 0.02}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"loss": "count", "scheme": "exponential", "estimator": "discrete", "redraw": False, "init": "uniform"},
        {"loss": "first_spike", "reset": "soft", "rate": 100.0, "rate_per": "second", "epoch_samples": 30},
        {"optimizer": "lbfgs", "iterations": 2, "silent_labels": 0.0},
    ],
)
def test_a_stopped_run_continues_to_the_same_result_bit_for_bit(values, tmp_path, watcher, outcome):
    config = make_config("clocked", {**TINY, **values})
    train(config, tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "stopped", watcher(stop=2))
    assert not (tmp_path / "stopped" / "observables.safetensors").exists()
    again = watcher()
    train(config, tmp_path / "stopped", again)
    assert again.started == [1]
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "undisturbed")
    first, second = (read_observables(tmp_path / name) for name in ("stopped", "undisturbed"))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_it_learns_the_shipped_digits(tmp_path, watcher):
    config = make_config(
        "clocked", {"epochs": 2, "train_samples": 1000, "test_samples": 200, "hidden": (64,), "learning_rate": 5e-3}
    )
    rows = train(config, tmp_path, watcher())
    assert rows[-1]["test_accuracy"] > 0.4  # chance is 0.1
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    for row in rows:
        assert row["train_gradient_hidden1"] > 0 and 0 <= row["train_clamped_output"] <= 1
        assert row["train_neuron_updates"] == 50 * (64 + 10)
        assert row["train_simulated_seconds"] == pytest.approx(0.5)
        assert row["train_input_spikes"] > 0


@pytest.mark.parametrize(("init", "gain", "bound"), [("normal", 2**0.5, 6), ("uniform", 1.0, 1.001 * 3**0.5)])
def test_initial_weights_have_kaiming_s_deviation_by_fan_in(init, gain, bound):
    config = make_config("clocked", {"hidden": (400,), "init": init, "init_gain": gain})
    for layer, n_pre in zip(build(config, 784).layers[1:], (784, 400), strict=True):
        deviation = gain / n_pre**0.5
        assert layer.weights.std() == pytest.approx(deviation, rel=0.03)  # 4000 weights or more: 2 sigma
        assert np.abs(layer.weights).max() < bound * deviation


def test_wanted_spikes_are_spread_evenly_and_the_last_one_is_at_the_end():
    np.testing.assert_allclose(evenly(4, 2.0), [0.5, 1.0, 1.5, 2.0])
    assert evenly(0, 2.0).shape == (0,)
    loss = loss_of(make_config("clocked", {**TINY, "target_true": 2}))
    times = np.array([[[0.2, 0.4], [np.inf, np.inf]]])
    assert loss.compute_loss(times, np.array([[2, 0]]), np.array([0])) == pytest.approx(0, abs=1e-12)


def test_lbfgs_puts_back_weights_that_have_become_undefined():
    learner = make_learner(make_config("clocked", TINY))
    layers = learner._neurons
    before = [layer.weights.copy() for layer in layers]

    def diverging():
        raise ValueError("weights have diverged")

    found = minimise(layers, diverging, 3)
    assert not np.isfinite(found.losses).any()
    for layer, weights in zip(layers, before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)


def test_lbfgs_minimises_what_is_smooth():
    learner = make_learner(make_config("clocked", TINY))
    layers = learner._neurons
    targets = [np.full_like(layer.weights, 0.25) for layer in layers]

    def bowl():
        apart = [layer.weights - target for layer, target in zip(layers, targets, strict=True)]
        return sum(float((one.astype(float) ** 2).sum()) for one in apart) / 2, 0, apart

    found = minimise(layers, bowl, 20)
    assert found.losses[-1] < 1e-9 * found.losses[0]
    assert found.accepted[0] == 0
    assert (np.diff(found.accepted) >= 1).all()
    assert (np.diff(found.losses[found.accepted]) < 0).all()  # what it goes on from never rises
    for layer in layers:
        np.testing.assert_allclose(layer.weights, 0.25, atol=1e-4)
