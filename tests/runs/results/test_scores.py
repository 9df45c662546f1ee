"""What spikes cost, counted by hand."""

import numpy as np
import pytest

from runs.training.scores import Scores


def seen(scores, *, inputs=0.0):
    """Two samples: 6 spikes in the hidden layer, 3 in the output."""
    labels = np.array([0, 1])
    scores.add(labels, labels, np.ones((2, 3)), [6.0, 3.0], inputs=inputs)
    return scores.row("test")


def test_a_spike_costs_an_operation_at_each_synapse_it_reaches():
    row = seen(Scores((4, 3), n_classes=3, fan_out=(4, 3)), inputs=10.0)
    # (10 spikes of the input to 4 neurons + 6 hidden ones to 3) / 2 samples; the output's spikes go nowhere
    assert row["test_synaptic_operations"] == (10 * 4 + 6 * 3) / 2
    assert row["test_input_spikes"] == 5.0


def test_all_spikes_are_told_a_sample_and_a_neuron():
    row = seen(Scores((4, 3)))
    assert row["test_spikes"] == 9 / 2
    assert row["test_activity"] == 9 / 2 / 7


def test_events_update_what_they_reach_and_a_clock_updates_all():
    assert seen(Scores((4, 3), fan_out=(4, 3)))["test_neuron_updates"] == 9.0
    assert seen(Scores((4, 3), fan_out=(4, 3), updates=7 * 30))["test_neuron_updates"] == 210.0
    assert seen(Scores((4, 3), updates=7 * 30, seconds=0.3))["test_simulated_seconds"] == 0.3


def test_costs_that_nobody_asked_for_are_not_told():
    row = seen(Scores((4, 3)))
    assert not {name for name in row if "operations" in name or "updates" in name or "seconds" in name}
    assert "test_input_spikes" not in row


def test_sums_of_batches_with_classes_beyond_ten():
    scores = Scores((4, 12), n_classes=12, fan_out=(4, 12))
    for label in (0, 11):
        scores.add(np.array([label]), np.array([11]), np.eye(12)[[11]], [2.0, 1.0], inputs=3.0)
    row = scores.row("train")
    assert (row["train_accuracy"], row["train_dead_classes"], row["train_silent_labels"]) == (0.5, 1, 0.5)
    assert row["train_synaptic_operations"] == 3 * 4 + 2 * 12


def test_fan_outs_that_do_not_fit_the_layers_are_refused():
    with pytest.raises(ValueError, match="fan_out has 3 numbers, but 2 are needed: one for the input and one for each"):
        Scores((4, 10), fan_out=(4, 10, 10))
