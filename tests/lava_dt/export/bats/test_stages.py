"""`stages`: accuracy, spikes and unchanged predictions from exact time to Lava."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bats_dt import TimeGrid
from bats_dt.losses import TTFSSoftmaxCrossEntropy
from lava_dt.export.bats import stages

DT, DURATION = 0.01, 0.3


def labels_of(network, times):
    """What the network predicts, so that its accuracy is 1."""
    network.reset()
    network.forward(times, np.isfinite(times).sum(-1).astype(np.int32), DURATION)
    predicted = network.output_spike_trains[1].argmax(1)
    network.reset()
    return predicted


def without_grids(network):
    for layer in network.layers[1:]:
        layer.grid = None
    return network


def test_a_network_trained_in_exact_time_goes_over_the_grid_to_integers_and_lava(dense, samples):
    network, times = without_grids(dense), samples(40)
    labels = labels_of(network, times)
    found = stages(network, times, None, labels, DT, duration=DURATION, lava=3)
    assert [row.name for row in found.rows] == ["exact time, as trained", "detect, 10 ms", "quantised", "Lava"]
    assert [row.samples for row in found.rows] == [8, 8, 8, 3]
    trained, detected, quantised, lava = found.rows
    assert trained.accuracy == trained.unchanged == 1
    for one, other in zip(quantised.spikes, detected.spikes, strict=True):
        assert one == pytest.approx(other, rel=0.02)  # but for the states' rounding
    assert found.parity.identical
    assert lava.unchanged == quantised.unchanged == 1
    assert lava.spikes == tuple(layer.lava_spikes / 3 for layer in found.parity.layers)
    with torch.no_grad():
        sent = found.exported.net(found.exported.encode(times[:3], duration=DURATION))
    assert np.array_equal(found.parity.output, sent.numpy() > 0)
    text = str(found)
    assert "0 of " in text.splitlines()[-1] and "spikes differ between training and Lava" in text
    assert found.layers == ("hidden", "output")


def test_spikes_that_share_a_step_are_told(dense, samples):
    network, times = without_grids(dense), samples(40)
    found = stages(network, times, None, labels_of(network, times), 0.06, duration=DURATION, lava=0)
    assert found.rows[0].shared[0] > 0
    assert found.rows[1].shared == (0, 0)
    assert "spikes come within 60 ms of another of their neuron, which sends one a step, a sample" in str(found)


def test_a_network_trained_on_a_grid_is_shown_in_exact_time_too(dense, samples):
    times = samples(40)
    found = stages(dense, times, None, labels_of(dense, times), DT, duration=DURATION, lava=0)
    assert [row.name for row in found.rows] == ["exact time", "detect, 10 ms, as trained", "quantised"]
    assert found.parity is None
    assert found.rows[1].accuracy == 1
    for layer in dense.layers[1:]:
        layer.grid = TimeGrid(0.02, "snap")
    found = stages(dense, times, None, labels_of(dense, times), DT, duration=DURATION, lava=0)
    assert [row.name for row in found.rows][1:] == ["snap, 20 ms, as trained", "detect, 10 ms", "quantised"]


def test_full_buffers_of_hidden_neurons_are_told_and_shown_without(dense, samples):
    dense.layers[1]._max_n_spike = 3
    times = samples(40)
    with pytest.warns(RuntimeWarning, match="max_n_spike = 3 is too small"):
        labels = labels_of(dense, times)
    found = stages(dense, times, None, labels, DT, duration=DURATION, lava=0)
    assert [row.name for row in found.rows][2] == "detect, 10 ms, without max_n_spike"
    assert found.rows[1].lost[0] > 0
    assert found.rows[2].lost == (0, 0)
    assert found.rows[2].spikes[0] > found.rows[1].spikes[0]
    assert "more spikes had no room in max_n_spike, a sample" in str(found)
    assert dense.layers[1].max_n_spike == 3


def test_clocked_networks_run_as_they_are(clocked_network, samples):
    network, times = clocked_network(), samples(40)
    found = stages(network, times, None, labels_of(network, times), DT, duration=DURATION, lava=2)
    assert [row.name for row in found.rows] == ["clocked, as trained", "quantised", "Lava"]
    assert found.parity.identical
    assert found.rows[1].unchanged >= 0.75  # of 8 samples, of random weights


def test_convolutions_with_folded_pooling_run_in_lava(convolutional, samples):
    times = samples(264, batch=2)
    found = stages(convolutional, times, None, labels_of(convolutional, times), DT, duration=DURATION, lava=2)
    assert found.parity.identical
    assert found.parity.spikes > 100


def test_predictions_are_the_losss(dense, samples):
    loss, times = TTFSSoftmaxCrossEntropy(tau=0.005), samples(40)
    labels = np.zeros(8, np.int64)
    found = stages(dense, times, None, labels, DT, duration=DURATION, lava=0, loss=loss)
    dense.forward(times, np.isfinite(times).sum(-1).astype(np.int32), DURATION)
    predicted = loss.predict(*dense.output_spike_trains)
    assert found.rows[1].accuracy == (predicted == 0).mean()


def test_labels_that_do_not_fit_are_refused(dense, samples):
    with pytest.raises(ValueError, match=r"labels have shape \(3,\): pass \(8,\), one a sample"):
        stages(dense, samples(40), None, np.zeros(3, int), DT, duration=DURATION)
