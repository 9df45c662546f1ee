"""Input spikes that are listed already."""

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.kernels.event_lists import event_lists
from bats_dt.layers import InputLayer, LIFLayer


def test_listed_spikes_and_padded_trains_give_the_same(random_trains):
    trains = random_trains(np.random.default_rng(0), 3, 5, 2)
    network = Network()
    network.add_layer(InputLayer(5, name="input"), input=True)
    network.add_layer(LIFLayer(network.layers[0], 0.1, 0.05, 0.05, lambda *shape: np.ones(shape), 50, n_neurons=2))
    network.forward(*trains, max_simulation=1.0)
    expected = network.output_spike_trains
    network.reset()
    network.layers[0].set_events(event_lists(*trains))
    network.layers[1].forward(1.0)
    assert expected[1].any()
    for one, other in zip(network.output_spike_trains, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_listed_spikes_that_do_not_fit_are_refused_in_words(random_trains):
    layer = InputLayer(4, name="input")
    events = event_lists(*random_trains(np.random.default_rng(0), 3, 5, 2))
    with pytest.raises(ValueError, match="the spikes are of 5 neurons but input layer 'input' has 4: pass those of as"):
        layer.set_events(events)
    with pytest.raises(TypeError, match=r"pass bats_dt\.spikes\.SpikeEvents, or trains to set_spike_trains"):
        layer.set_events([1, 2])
