"""Spike times against brian2's, in fixtures/brian2.json; make_brian2_fixtures.py says how to make them anew."""

import json
from pathlib import Path

import numpy as np
import pytest

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "brian2.json").read_text(encoding="utf-8"))
# brian2 sees a crossing up to one step late, and what that delays in turn is below 8 steps by the choice of networks;
# it is never early, up to the rounding of float32 times (4e-9 s) divided by slopes
LATEST, EARLIEST = 9 * FIXTURES["step"], -1e-7  # [s]


def name(network):
    return "tau_syn {tau_syn:g} tau_mem {tau_mem:g} reset {reset:g}".format(**network)


@pytest.fixture(params=FIXTURES["networks"], ids=name)
def network(request):
    return request.param


def spikes_of(layer):
    """A list of times for each neuron [s]."""
    times, counts = layer.spike_trains
    return [train[:count].tolist() for train, count in zip(times[0], counts[0], strict=True)]


def assert_close(trains, wanted):
    assert [len(train) for train in trains] == [len(train) for train in wanted]
    late = np.concatenate(wanted) - np.concatenate(trains)
    assert late.min() >= EARLIEST
    assert late.max() <= LATEST


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_spike_of_two_layers_is_where_brian2_has_it(backend, dense_network, network, dtype):
    weights = [np.array(matrix, dtype) for matrix in network["weights"]]
    ours = dense_network(weights, tuple(network[key] for key in ("tau_syn", "tau_mem", "threshold", "reset")), dtype)
    times = np.array(network["inputs"], dtype)[None]
    ours.forward(times, np.full(times.shape[:2], times.shape[2]), FIXTURES["duration"])
    for layer, wanted in zip(ours.layers[1:], network["spikes"], strict=True):
        assert_close(spikes_of(layer), wanted)


def test_a_layer_given_brian2s_spikes_spikes_as_brian2s_next_layer(backend, dense_network, network):
    below, wanted = network["spikes"]
    times = np.full((1, len(below), max(map(len, below))), np.inf)
    for neuron, train in enumerate(below):
        times[0, neuron, : len(train)] = train
    weights = [np.array(network["weights"][1])]
    ours = dense_network(weights, tuple(network[key] for key in ("tau_syn", "tau_mem", "threshold", "reset")))
    ours.forward(times, np.array([[len(train) for train in below]]), FIXTURES["duration"])
    assert_close(spikes_of(ours.layers[1]), wanted)


def test_the_networks_differ_in_kind_and_do_spike():
    kinds = {np.sign(round(each["tau_mem"] - each["tau_syn"], 9)) for each in FIXTURES["networks"]}
    assert kinds == {-1, 0, 1}
    assert any(each["tau_mem"] == 2 * each["tau_syn"] for each in FIXTURES["networks"])
    assert all(sum(map(len, layer)) >= 8 for each in FIXTURES["networks"] for layer in each["spikes"])
