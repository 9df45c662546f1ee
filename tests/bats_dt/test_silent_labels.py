import math

import numpy as np
import pytest

from bats_dt import Network, TimeGrid
from bats_dt.layers import ClockedLIFLayer, InputLayer, LIFLayer
from bats_dt.losses import SpikeCountClassLoss
from bats_dt.optimizers import AdamOptimizer
from bats_dt.silent_labels import SilentLabelRemedy

N_INPUTS, N_CLASSES = 12, 3


def dense_network(weights, theta=0.3, tau_mem=None, dtype=np.float32, hidden=None, grid=None):
    """Inputs, a hidden layer if its weights are given, and an output layer with ``weights``."""
    network = Network()
    network.add_layer(InputLayer(N_INPUTS if hidden is not None else weights.shape[1]), input=True)
    for layer_weights, threshold in ((hidden, 0.1), (weights, theta)):
        if layer_weights is not None:
            network.add_layer(
                LIFLayer(
                    network.layers[-1], 0.1, threshold, 0.8 * threshold, lambda *shape, w=layer_weights: w, 100,
                    n_neurons=len(layer_weights), grid=grid, dtype=dtype,
                )
            )  # fmt: skip
    return network


def test_the_gradient_is_that_of_the_integral_of_the_potential():
    # Trapezoids over 20 membrane time constants: their error is about (1e-4 / 0.1)^2 / 12, what is left out e^-20.
    rng = np.random.default_rng(0)
    weights, times = rng.uniform(-1, 1, (2, 3)), np.array([[[0.0, 0.05], [0.02, np.inf], [np.inf, np.inf]]])
    network = dense_network(weights, theta=1e3, dtype=np.float64)
    network.forward(times, np.isfinite(times).sum(axis=2).astype(np.int32))
    layer = network.layers[-1]
    gradient = SilentLabelRemedy(strength=2.5).gradient(layer, np.array([1]))
    since, neuron = np.arange(0, 4, 1e-4), layer.neuron
    response = (np.exp(-since / 0.2) - np.exp(-since / 0.1)) / neuron.delta
    np.testing.assert_allclose(response[700], neuron.response(0.07), rtol=1e-9)

    def integral(of):
        shifts = [(of[i], round(t / 1e-4)) for i in range(3) for t in times[0, i] if np.isfinite(t)]
        potential = sum(w * np.concatenate([np.zeros(n), response[: len(since) - n]]) for w, n in shifts)
        return ((potential[1:] + potential[:-1]) / 2).sum() * 1e-4

    assert gradient.shape == (1, 2, 3)
    assert not gradient[0, 0].any()
    for i in range(3):
        step = np.where(np.arange(3) == i, 1e-3, 0.0)
        difference = (integral(weights[1] + step) - integral(weights[1] - step)) / 2e-3
        expected = -2.5 * difference / (neuron.reset * neuron.tau_mem)
        np.testing.assert_allclose(gradient[0, 1, i], expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("drive", ["impulse", "pulse"])
def test_of_a_clocked_layer_too_it_is_that_of_the_integral_of_the_potential(drive):
    # Backward Euler's sums are exact: sum u dt = R c tau_syn w over all steps; exp(-8/0.2) of it is left out
    network, times = Network(), np.array([[[0.0, 0.05], [0.02, np.inf]]])
    network.add_layer(InputLayer(2), input=True)
    layer = ClockedLIFLayer(
        network.layers[0], n_neurons=2, dt=0.01, tau_s=0.1, tau_mem=0.2, theta=1e3, resistance=1.2, v_reset=999.0,
        drive=drive, dtype=np.float64, weight_initializer=lambda *shape: np.full(shape, 0.5),
    )  # fmt: skip
    network.add_layer(layer)
    network.forward(times, np.isfinite(times).sum(axis=2), 8.0)
    gradient = SilentLabelRemedy(strength=2.5).gradient(layer, np.array([1]))
    area = layer.traces()[1][0, :, 1].sum() * 0.01  # of 3 spikes of weight 0.5
    expected = -2.5 * area / (3 * 0.5) / ((1e3 - 999.0) * 0.2)
    np.testing.assert_allclose(gradient[0], [[0, 0], [2 * expected, expected]], rtol=1e-9)


def pattern_batch(rng, batch=16):
    """One spike an input of the class's own group, silence elsewhere, and a few inputs turned on at random."""
    labels = rng.integers(0, N_CLASSES, batch)
    group = np.arange(N_INPUTS) * N_CLASSES // N_INPUTS
    active = (group == labels[:, None]) | (rng.random((batch, N_INPUTS)) < 0.1)
    times = np.where(active, rng.uniform(0, 0.1, active.shape), np.inf).astype(np.float32)
    return times[:, :, None], active.astype(np.int32), labels


def hits_after_training(remedy, steps=80):
    """Share of samples classified rightly at the end, a share a class; the last class is dead at the beginning."""
    rng = np.random.default_rng(2)
    output = rng.uniform(-0.2, 1.0, (N_CLASSES, 20))
    output[-1] = -0.3
    network = dense_network(output, hidden=rng.uniform(-0.5, 1.5, (20, N_INPUTS)))
    loss, optimizer = SpikeCountClassLoss(8, 2), AdamOptimizer(learning_rate=0.02)
    for _ in range(steps):
        times, counts, labels = pattern_batch(rng)
        network.forward(times, counts, max_simulation=0.3)
        _, errors = loss.compute_loss_and_errors(*network.output_spike_trains, labels)
        gradients = network.backward(errors)
        if remedy is not None:
            gradients = remedy.apply(gradients, network, labels)
        network.apply_deltas(optimizer.step([None if g is None else g.mean(axis=0) for g in gradients]))
    times, counts, labels = pattern_batch(rng, 200)
    network.forward(times, counts, max_simulation=0.3)
    right = loss.predict(*network.output_spike_trains) == labels
    return [right[labels == label].mean() for label in range(N_CLASSES)]


def test_a_dead_class_stays_dead_without_the_remedy_and_recovers_with_it():
    assert hits_after_training(None)[-1] == 0
    assert min(hits_after_training(SilentLabelRemedy())) > 0.9


def test_strength_0_is_no_remedy():
    assert hits_after_training(SilentLabelRemedy(0.0)) == hits_after_training(None)


@pytest.mark.parametrize("grid", [None, TimeGrid(0.01)], ids=["exact", "grid"])
@pytest.mark.parametrize("per_sample", [False, True])
def test_only_rows_of_silent_labels_change(grid, per_sample, random_trains):
    rng = np.random.default_rng(3)
    network = dense_network(np.vstack([np.ones((2, 4)), -np.ones((1, 4))]), theta=0.05, grid=grid)
    times, counts = random_trains(rng, 5, 4, 3, np.float32)
    network.forward(times, counts, max_simulation=0.4)
    output_times, output_counts = network.output_spike_trains
    labels = np.array([0, 2, 1, 2, 2])
    silent = output_counts[np.arange(5), labels] == 0
    assert silent[labels == 2].all()
    before = network.backward(np.ones_like(output_times), per_sample)
    kept = before[-1].copy()
    after = SilentLabelRemedy(0.5).apply(before, network, labels)
    assert after[0] is None
    np.testing.assert_array_equal(before[-1], kept)
    assert after[-1].dtype == np.float32
    expected = np.zeros((5, 3, 4))
    for sample in np.flatnonzero(silent):
        expected[sample, labels[sample]] = -0.5 * 0.1 / 0.04 * counts[sample]
    expected = expected if per_sample else expected.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(after[-1] - before[-1], expected, rtol=1e-4, atol=1e-5)


def test_nothing_changes_where_every_label_fires():
    network = dense_network(np.ones((2, 3)), theta=0.01)
    network.forward(np.zeros((2, 3, 1), np.float32), np.ones((2, 3), np.int32), 0.5)
    gradients = network.backward(np.ones_like(network.output_spike_trains[0]))
    after = SilentLabelRemedy().apply(gradients, network, np.array([0, 1]))
    assert all(new is old for new, old in zip(after, gradients, strict=True))


def test_the_changed_gradient_keeps_its_layout_in_memory():
    network = dense_network(-np.ones((4, 3)))
    network.forward(np.zeros((2, 3, 1), np.float32), np.ones((2, 3), np.int32), 0.5)
    gradients = network.backward(np.ones_like(network.output_spike_trains[0]))
    after = SilentLabelRemedy().apply(gradients, network, np.array([0, 1]))
    assert after[-1][0].strides == gradients[-1][0].strides


def test_a_sample_without_any_spike_has_nothing_to_learn_from():
    network = dense_network(np.ones((2, 3)))
    network.forward(np.full((2, 3, 1), np.inf, np.float32), np.zeros((2, 3), np.int32))
    gradients = network.backward(np.ones_like(network.output_spike_trains[0]))
    assert not SilentLabelRemedy().apply(gradients, network, np.array([0, 1]))[-1].any()


@pytest.mark.parametrize(
    ("strength", "error", "message"),
    [
        (-1, ValueError, "strength is -1: pass a finite number, 0"),
        (math.nan, ValueError, "strength is nan"),
        ("much", TypeError, "strength is 'much': pass a finite number"),
    ],
)
def test_a_strength_out_of_range_is_refused_in_words(strength, error, message):
    with pytest.raises(error, match=message):
        SilentLabelRemedy(strength)


def test_what_does_not_fit_the_network_is_refused_in_words():
    network = dense_network(-np.ones((2, 3)))
    network.forward(np.zeros((4, 3, 1), np.float32), np.ones((4, 3), np.int32), 0.5)
    gradients = network.backward(np.ones_like(network.output_spike_trains[0]))
    remedy, labels = SilentLabelRemedy(), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="1 gradients for 2 layers, or none of the last layer: pass the list that"):
        remedy.apply(gradients[1:], network, labels)
    with pytest.raises(ValueError, match=r"Network.backward returned, before its entries are averaged over axis 0"):
        remedy.apply([None, gradients[1].mean(axis=0)], network, labels)
    with pytest.raises(ValueError, match=r"has shape \(1, 2, 2\) but the last forward pass needs \(1, 2, 3\)"):
        remedy.apply([None, np.ones((1, 2, 2))], network, labels)
    with pytest.raises(TypeError, match="labels have dtype float64: pass integers"):
        remedy.apply(gradients, network, labels * 1.0)
    with pytest.raises(ValueError, match=r"labels have shape \(3,\): pass \(4,\)"):
        remedy.apply(gradients, network, labels[:3])
    with pytest.raises(TypeError, match="the output layer is InputLayer '': the remedy is made for a dense one"):
        remedy.gradient(network.layers[0], labels)
