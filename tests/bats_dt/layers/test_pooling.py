import math

import numpy as np
import pytest

from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer


class Trainable(ConvInputLayer):
    """Inputs that ask for their errors."""

    trainable = True


def map_of(times, shape):
    times = np.asarray(times, np.float32).reshape(1, math.prod(shape), -1)
    layer = Trainable(shape, "inputs")
    layer.set_spike_trains(times, np.isfinite(times).sum(axis=2))
    return layer


def test_a_square_emits_the_spikes_of_its_pixels_and_its_errors_go_back_to_them():
    below = map_of([0.3, 0.1, 0.2, 0.1], (2, 2, 1))
    layer = PoolingLayer(below, "pool")
    layer.forward(1.0)
    times, counts = layer.spike_trains
    np.testing.assert_array_equal(times, np.array([[[0.1, 0.1, 0.2, 0.3]]], np.float32))
    np.testing.assert_array_equal(counts, [[4]])
    assert layer.neurons_shape.tolist() == [1, 1, 1]
    gradient, passed = layer.backward(np.array([[[1.0, 2.0, 3.0, 4.0]]]))
    assert gradient is None
    np.testing.assert_array_equal(below.events.scatter(passed, 0.0), [[[4], [1], [3], [2]]])


def test_spikes_of_an_odd_row_and_column_are_left_out_with_errors_of_zero(random_trains):
    below = Trainable((5, 7, 2))
    below.set_spike_trains(*random_trains(np.random.default_rng(0), 3, 70, 2))
    layer = PoolingLayer(below)
    layer.forward(1.0)
    assert layer.neurons_shape.tolist() == [2, 3, 2]
    passed = below.events.scatter(layer.backward(np.ones(layer.events.times.shape))[1], 0.0).reshape(3, 5, 7, 2, 2)
    on_map = np.isfinite(below.spike_trains[0]).reshape(passed.shape)
    np.testing.assert_array_equal(passed[:, :4, :6], on_map[:, :4, :6])
    assert on_map[:, 4:].any()
    assert on_map[:, :, 6:].any()
    assert not passed[:, 4:].any()
    assert not passed[:, :, 6:].any()


def test_errors_pass_only_where_the_layer_below_makes_use_of_them():
    inputs = ConvInputLayer((4, 4, 1))
    conv = ConvLIFLayer(inputs, (1, 1, 2), 0.1, 0.1, 0.1)
    assert PoolingLayer(conv).trainable
    assert not PoolingLayer(inputs).trainable
    assert PoolingLayer(PoolingLayer(conv)).trainable


def test_it_has_no_weights():
    layer = PoolingLayer(ConvInputLayer((2, 2, 1)), "pool")
    assert layer.weights is None
    with pytest.raises(ValueError, match="PoolingLayer 'pool' has no weights: pass None for it"):
        layer.add_deltas(np.ones(1))


def test_what_it_cannot_stand_on_is_refused_in_words():
    with pytest.raises(TypeError, match="previous_layer is InputLayer 'flat': pooling needs a map below it"):
        PoolingLayer(InputLayer(4, "flat"))
    with pytest.raises(ValueError, match="the map of ConvInputLayer 'thin' is 1 x 4: pooling joins squares of 2 x 2"):
        PoolingLayer(ConvInputLayer((1, 4, 3), "thin"))


def test_errors_of_another_shape_and_use_before_a_forward_pass_are_refused_in_words():
    layer = PoolingLayer(map_of([0.3, 0.1, 0.2, 0.1], (2, 2, 1)), "pool")
    with pytest.raises(RuntimeError, match="layer 'pool' has not been simulated yet"):
        _ = layer.spike_trains
    layer.forward(1.0)
    with pytest.raises(ValueError, match=r"errors of layer 'pool' have shape \(1, 4\): pass \(1, 1, 4\)"):
        layer.backward(np.ones((1, 4)))
    layer.reset()
    with pytest.raises(RuntimeError, match="layer 'pool' has not been simulated yet"):
        layer.backward(np.ones(4))


def test_a_dense_layer_stands_on_a_pooled_map():
    layer = PoolingLayer(map_of([0.3, 0.1, 0.2, 0.1], (2, 2, 1)))
    dense = LIFLayer(layer, 0.1, 0.1, 0.1, lambda *_: [[1.0]], n_neurons=1)
    layer.forward(1.0)
    dense.forward(1.0)
    assert dense.spike_trains[1].item() > 1
