"""Convolution, pooling and dense layers in one network."""

import numpy as np
import pytest

from bats_dt import Network, TimeGrid
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, LIFLayer, PoolingLayer
from bats_dt.losses import SpikeCountClassLoss
from bats_dt.optimizers import AdamOptimizer

END = 0.4


def conv_network(rng, dtype=np.float64, grid=None, **arguments):
    """Map 9 x 8, convolved to 7 x 6, pooled to 3 x 3 (a row is left out), convolved to 2 x 2, dense on top."""
    given = {"grid": grid, "dtype": dtype, **arguments}
    inputs = ConvInputLayer((9, 8, 1), "inputs")
    below = ConvLIFLayer(inputs, (3, 3, 3), 0.1, 0.1, 0.1, lambda *s: rng.uniform(-0.5, 1.5, s), 4, name="c1", **given)
    pooled = PoolingLayer(below, "p1")
    above = ConvLIFLayer(pooled, (2, 2, 4), 0.1, 0.2, 0.2, lambda *s: rng.uniform(-0.5, 1, s), 6, name="c2", **given)
    output = LIFLayer(
        above, 0.1, 0.1, 0.1, lambda *s: rng.uniform(-0.1, 0.8, s), 20, n_neurons=3, name="output", **given
    )
    network = Network()
    network.add_layer(inputs, input=True)
    for layer in (below, pooled, above, output):
        network.add_layer(layer)
    return network


@pytest.mark.filterwarnings("ignore:layer .* lost")
@pytest.mark.parametrize("tau_mem", [None, 0.3])
def test_central_differences_through_convolution_and_pooling_agree(random_trains, tau_mem):
    rng = np.random.default_rng(1)
    network = conv_network(rng, tau_mem=tau_mem)
    trains = random_trains(rng, 2, 72, 1)
    network.forward(*trains, max_simulation=END)
    times, counts = network.output_spike_trains
    assert counts.sum() > 20
    cotangent = rng.normal(size=times.shape)
    gradients = network.backward(np.where(np.isfinite(times), cotangent, 0.0))
    assert [g is None for g in gradients] == [True, False, True, False, False]
    step = 1e-7
    for layer, gradient in zip(network.layers, gradients, strict=True):
        if gradient is None:
            continue
        assert gradient.shape == (1, *layer.weights.shape)
        weights, along = layer.weights.copy(), rng.normal(size=layer.weights.shape)
        values = []
        for sign in (step, -step):
            layer.weights = weights + sign * along
            network.forward(*trains, max_simulation=END)
            moved, moved_counts = network.output_spike_trains
            np.testing.assert_array_equal(moved_counts, counts)
            values.append((cotangent * np.where(np.isfinite(moved), moved, 0.0)).sum() / 2)
        layer.weights = weights
        # differences of times of 0.1 s rounded at 1e-17, over 2e-7, and the curvature over 1e-7
        np.testing.assert_allclose((gradient[0] * along).sum(), (values[0] - values[1]) / (2 * step), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:layer .* lost")
def test_gradients_are_the_mean_of_those_of_the_samples(random_trains):
    rng = np.random.default_rng(2)
    network = conv_network(rng)
    network.forward(*random_trains(rng, 5, 72, 1), max_simulation=END)
    errors = np.ones(network.output_spike_trains[0].shape)
    for mean, each in zip(network.backward(errors), network.backward(errors, per_sample=True), strict=True):
        assert (mean is None) == (each is None)
        if mean is not None:
            assert len(each) == 5
            np.testing.assert_allclose(each.mean(axis=0), mean[0], atol=1e-12 * np.abs(each).max())


@pytest.mark.parametrize("grid", [None, TimeGrid(0.01), TimeGrid(0.01, "detect")], ids=["exact", "snap", "detect"])
@pytest.mark.filterwarnings("ignore:layer .* lost")
def test_a_convolutional_network_learns_where_a_bar_lies(grid):
    rng = np.random.default_rng(3)
    network = conv_network(rng, np.float32, grid)
    loss_function, optimizer = SpikeCountClassLoss(8, 2), AdamOptimizer(learning_rate=0.01)
    losses = []
    for _ in range(60):
        labels = rng.integers(0, 3, 12)
        bars = np.full((12, 9, 8), np.inf, np.float32)
        for bar, label in zip(bars, labels, strict=True):
            bar[3 * label : 3 * label + 3] = rng.uniform(0, 0.1, (3, 8))
        trains = bars.reshape(12, 72, 1)
        network.reset()
        network.forward(trains, np.isfinite(trains[..., 0]).astype(np.int32), max_simulation=END)
        loss, errors = loss_function.compute_loss_and_errors(*network.output_spike_trains, labels)
        losses.append(loss.mean())
        gradients = [None if g is None else g.mean(axis=0) for g in network.backward(errors)]
        network.apply_deltas(optimizer.step(gradients))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])


def test_stored_filters_come_back(tmp_path, random_trains):
    network, other = (conv_network(np.random.default_rng(seed), np.float32) for seed in (4, 5))
    network.store(tmp_path)
    other.restore(tmp_path)
    for one, same in zip(network.layers, other.layers, strict=True):
        assert (one.weights is None and same.weights is None) or (one.weights == same.weights).all()


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("batch", [0, 2])
def test_silent_batches_and_batches_of_nothing_have_zero_gradients(batch, per_sample):
    network = conv_network(np.random.default_rng(5))
    network.forward(np.full((batch, 72, 1), np.inf), np.zeros((batch, 72), int), max_simulation=END)
    times, counts = network.output_spike_trains
    gradients = network.backward(np.ones_like(times), per_sample=per_sample)
    assert counts.shape == (batch, 3) and not counts.any()
    for layer, gradient in zip(network.layers, gradients, strict=True):
        if gradient is not None:
            assert gradient.shape == (batch if per_sample else 1, *layer.weights.shape)
            assert not gradient.any()
