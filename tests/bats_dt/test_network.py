import numpy as np
import pytest

from bats_dt import Network, TimeGrid
from bats_dt.layers import InputLayer, LIFLayer
from bats_dt.losses import SpikeCountClassLoss
from bats_dt.optimizers import AdamOptimizer

GRIDS = [None, TimeGrid(0.01), TimeGrid(0.01, "detect")]
TARGET_TRUE, TARGET_FALSE = 8, 2


def two_layer_network(rng, n_in=12, n_hidden=20, n_out=3, grid=None, dtype=np.float32, max_n_spike=20):
    """A small network whose neurons fire a few times each."""
    network = Network()
    inputs = InputLayer(n_in, name="inputs")
    hidden = LIFLayer(
        inputs, 0.1, 0.1, 0.1, lambda post, pre: rng.uniform(-0.5, 1.5, (post, pre)), max_n_spike,
        n_neurons=n_hidden, name="hidden", grid=grid, dtype=dtype,
    )  # fmt: skip
    output = LIFLayer(
        hidden, 0.1, 0.3, 0.3, lambda post, pre: rng.uniform(-0.2, 1.0, (post, pre)), max_n_spike,
        n_neurons=n_out, name="output", grid=grid, dtype=dtype,
    )  # fmt: skip
    network.add_layer(inputs, input=True)
    network.add_layer(hidden)
    network.add_layer(output)
    return network


def class_patterns(rng, batch, n_in=12, n_classes=3):
    """One spike an input of the class's own third, silence elsewhere, and a few inputs turned on at random."""
    labels = rng.integers(0, n_classes, batch)
    group = np.arange(n_in) * n_classes // n_in
    active = (group == labels[:, None]) | (rng.random((batch, n_in)) < 0.1)
    times = np.where(active, rng.uniform(0, 0.1, (batch, n_in)), np.inf).astype(np.float32)
    return times[:, :, None], active.astype(np.int32), labels


@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "snap", "detect"])
def test_training_lowers_the_loss_and_learns_the_classes(grid):
    rng = np.random.default_rng(1)
    network = two_layer_network(rng, grid=grid)
    loss_function, optimizer = SpikeCountClassLoss(TARGET_TRUE, TARGET_FALSE), AdamOptimizer(learning_rate=0.02)
    losses, right = [], []
    for _ in range(200):
        times, counts, labels = class_patterns(rng, 16)
        network.reset()
        network.forward(times, counts, max_simulation=0.3)
        trains = network.output_spike_trains
        right.append(np.mean(loss_function.predict(*trains) == labels))
        loss, errors = loss_function.compute_loss_and_errors(*trains, labels)
        losses.append(loss.mean())
        gradients = [None if g is None else g.mean(axis=0) for g in network.backward(errors)]
        network.apply_deltas(optimizer.step(gradients))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    assert np.mean(right[-10:]) > 0.9
