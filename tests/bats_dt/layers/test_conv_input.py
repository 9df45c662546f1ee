import numpy as np
import pytest

from bats_dt import Network
from bats_dt.layers import AbstractConvLayer, ConvInputLayer, InputLayer


def test_it_is_an_input_layer_with_a_map():
    layer = ConvInputLayer(np.array([4, 3, 2]), "inputs")
    assert isinstance(layer, InputLayer)
    assert isinstance(layer, AbstractConvLayer)
    assert (layer.n_neurons, layer.name, layer.trainable, layer.previous_layer) == (24, "inputs", False, None)
    assert layer.neurons_shape.tolist() == [4, 3, 2]
    assert layer.neurons_shape.dtype == np.int32


def test_it_takes_flat_trains_from_the_network():
    network = Network()
    network.add_layer(ConvInputLayer((2, 3, 1)), input=True)
    times = np.arange(6, dtype=np.float32).reshape(1, 6, 1)
    network.forward(times, np.ones((1, 6), np.int32))
    np.testing.assert_array_equal(network.output_spike_trains[0], times)


def test_trains_that_do_not_fit_the_map_are_refused_in_words():
    with pytest.raises(ValueError, match=r"shape \(1, 5, 1\) but input layer 'in' has 6 neurons: pass \(1, 6, 1\)"):
        ConvInputLayer((2, 3, 1), "in").set_spike_trains(np.ones((1, 5, 1)), np.ones((1, 5), int))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 4), r"neurons_shape is \(4, 4\): pass \(X, Y, channels\), three whole numbers from 1"),
        ((4, 4, 1.5), r"neurons_shape is 1\.5: pass \(X, Y, channels\), three whole numbers from 1"),
        (16, r"neurons_shape is 16: pass \(X, Y, channels\)"),
    ],
)
def test_a_map_that_is_none_is_refused_in_words(shape, message):
    with pytest.raises(ValueError, match=message):
        ConvInputLayer(shape)
