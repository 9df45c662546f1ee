"""What Loihi's neurons cannot do is refused by the layer's name."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bats_dt.layers import InputLayer, LIFLayer
from lava_dt.export.bats import from_bats

DT, DURATION = 0.01, 0.3


def one(network, **options):
    def refused(text, **arguments):
        with pytest.raises(ValueError, match=re.escape(text)):
            from_bats(network, **{"dt": DT, **options, **arguments})

    return refused


def test_a_reset_by_something_else_than_the_threshold(dense):
    inputs = dense.layers[0]
    layer = LIFLayer(inputs, 0.1, 1.0, 0.8, n_neurons=3, name="odd")
    network = type(dense)()
    network.add_layer(inputs, input=True)
    network.add_layer(layer)
    one(network)("layer 'odd' takes delta_theta = 0.8 from its potential at a spike, and Loihi's soft reset takes the")


def test_hidden_neurons_that_stop_after_one_spike_unless_samples_show_that_they_would_anyway(dense, samples):
    dense.layers[1]._max_n_spike = 1
    one(dense)("layer 'hidden' keeps one spike of each neuron (max_n_spike = 1), and Loihi's neurons go on spiking")
    one(dense)("layer 'hidden' keeps one spike of each neuron (max_n_spike = 1), and Loihi's would send",
               samples=samples(40), duration=DURATION)  # fmt: skip
    few = samples(40)
    few[..., 1:] = np.inf
    few[:, :5] = few[:, 6:] = np.inf
    assert from_bats(dense, DT, samples=few, duration=DURATION).report.layers[0].measured.beyond == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dt": 0.005}, "layer 'hidden' is stepped by dt = 0.005 s, and dt is 0.01 s: pass dt=0.005"),
        ({"v_reset": 0.5}, "layer 'hidden' has v_reset = 0.5, and Loihi's neurons are reset to 0 or by the threshold"),
        ({"scheme": "bilinear", "tau_s": 0.004}, "layer 'hidden' is stepped by bilinear with dt = 0.01 s and tau_s ="),
        ({"scheme": "forward_euler", "tau_mem": 0.008}, "multiplies its state with -0.25 a step"),
    ],
)
def test_clocks_that_loihi_cannot_follow(clocked_network, options, text):
    one(clocked_network(**options))(text)


def test_clocked_layers_that_end_at_different_times(clocked_network):
    network = clocked_network(duration=0.2)
    network.layers[-1]._duration = 0.25
    one(network)("layer 'hidden' ends at 0.2 s and layer 'output' at 0.25 s, and in Lava all layers run together")


def test_clocked_layers_that_keep_all_spikes_are_not_taken_for_those_that_keep_one(clocked_network):
    assert from_bats(clocked_network(), DT).report.layers[0].limit is None
    one(clocked_network(max_n_spike=1))("layer 'hidden' keeps one spike of each neuron")


def test_arguments_that_do_not_fit(dense, samples):
    one(dense)("weight_bits is 9: pass the bits of a weight, 2 to 8", weight_bits=9)
    one(dense)("duration is None s with dt = 0.01 s", samples=samples(40))
    one(dense)("times has shape (8, 39, 2): pass (batch, 40, slots)", samples=samples(39), duration=DURATION)
    with pytest.raises(TypeError, match=r"network is .*: pass a bats_dt\.Network"):
        from_bats(InputLayer(3), DT)
