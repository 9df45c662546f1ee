import math

import numpy as np
import pytest

from bats_dt import TimeGrid, set_backend
from bats_dt.kernels.threads import use_threads
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer

MAP, WINDOW, FILTERS = (5, 7, 2), (3, 2), 4
CONSTANTS = {"tau_s": 0.1, "theta": 0.15, "delta_theta": 0.15}
END = 0.3
GRIDS = [None, TimeGrid(0.005), TimeGrid(0.005, "detect")]
# The layers compared go from input to input in steps of other lengths and sum in another order: roundings only, some
# of which an almost tangential crossing multiplies.
ROUNDING = 1e-9


def input_of(shape, trains):
    layer = ConvInputLayer(shape, "inputs")
    layer.set_spike_trains(*trains)
    return layer


def conv_on(below, filters_shape, weights, **arguments):
    given = {**CONSTANTS, "max_n_spike": 30, "name": "conv", "dtype": np.float64, **arguments}
    return ConvLIFLayer(below, filters_shape, weight_initializer=lambda *_: weights, **given)


def dense_weights(weights, shape):
    """The weights (n_post, n_pre) of a dense layer that is the convolution."""
    n_filters, fx, fy, _ = weights.shape
    out_x, out_y = shape[0] - fx + 1, shape[1] - fy + 1
    dense = np.zeros((out_x, out_y, n_filters, *shape))
    for ox, oy in np.ndindex(out_x, out_y):
        dense[ox, oy, :, ox : ox + fx, oy : oy + fy, :] = weights
    return dense.reshape(out_x * out_y * n_filters, math.prod(shape))


def filters_gradient(gradient, weights_shape, shape):
    """Sum of a dense layer's gradient (parts, n_post, n_pre) over the positions that share a weight."""
    n_filters, fx, fy, _ = weights_shape
    out_x, out_y = shape[0] - fx + 1, shape[1] - fy + 1
    placed = gradient.reshape(-1, out_x, out_y, n_filters, *shape)
    return sum(
        placed[:, ox, oy, :, ox : ox + fx, oy : oy + fy, :] for ox, oy in np.ndindex(out_x, out_y)
    )  # fmt: skip


class Trainable(ConvInputLayer):
    """Inputs that ask for their errors."""

    trainable = True


@pytest.fixture
def weights():
    return np.random.default_rng(7).uniform(-0.6, 1.4, (FILTERS, *WINDOW, MAP[2]))


@pytest.fixture
def inputs(random_trains):
    layer = Trainable(MAP)
    layer.set_spike_trains(*random_trains(np.random.default_rng(8), 3, math.prod(MAP), 2))
    return layer


def test_a_hand_worked_filter_fires_where_its_strong_weight_lies_on_the_spike():
    times = np.full((1, 6, 1), np.inf, np.float32)
    times[0, 1] = 0  # pixel (0, 1) of a map 2 x 3
    below = input_of((2, 3, 1), (times, np.isfinite(times[..., 0]).astype(int)))
    weights = np.array([[4.5, 1.0], [1.0, 1.0]]).reshape(1, 2, 2, 1)
    layer = conv_on(below, (2, 2, 1), weights, tau_s=1.0, theta=2.0, delta_theta=2.0, max_n_spike=2)
    layer.forward(10.0)
    times, counts = layer.spike_trains
    np.testing.assert_array_equal(counts, [[0, 1]])  # the window at (0, 1) has the pixel at its place (0, 0)
    np.testing.assert_allclose(times, [[[np.inf, np.inf], [2 * math.log(1.5), np.inf]]], rtol=1e-12)
    gradient, passed = layer.backward(np.ones((1, 2, 2)))
    np.testing.assert_allclose(gradient.ravel(), [-4 / 9, 0, 0, 0], rtol=1e-12)
    assert passed is None


@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "snap", "detect"])
def test_a_convolution_is_the_dense_layer_with_shared_weights(inputs, weights, grid):
    rng = np.random.default_rng(9)
    conv = conv_on(inputs, (*WINDOW, FILTERS), weights, grid=grid)
    dense = LIFLayer(
        inputs, **CONSTANTS, weight_initializer=lambda *_: dense_weights(weights, MAP), max_n_spike=30,
        n_neurons=conv.n_neurons, grid=grid, dtype=np.float64,
    )  # fmt: skip
    for layer in (conv, dense):
        layer.forward(END)
    assert conv.neurons_shape.tolist() == [3, 6, FILTERS]
    assert len(conv.events.times) > 200
    np.testing.assert_array_equal(conv.events.offsets, dense.events.offsets)
    np.testing.assert_array_equal(conv.spike_trains[1], dense.spike_trains[1])
    np.testing.assert_allclose(conv.spike_trains[0], dense.spike_trains[0], rtol=ROUNDING)
    errors = rng.normal(size=conv.spike_trains[0].shape)
    for per_sample in (False, True):
        gradient, passed = conv.backward(errors, per_sample)
        expected, passed_by_dense = dense.backward(errors, per_sample)
        assert gradient.shape == (3 if per_sample else 1, *weights.shape)
        tolerance = ROUNDING * np.abs(gradient).max()
        np.testing.assert_allclose(gradient, filters_gradient(expected, weights.shape, MAP), atol=tolerance)
        np.testing.assert_allclose(passed, passed_by_dense, atol=ROUNDING * np.abs(passed).max())


@pytest.mark.parametrize("grid", [*GRIDS, TimeGrid(0.005, "published")], ids=["exact", "snap", "detect", "published"])
def test_each_position_is_a_dense_layer_on_its_own_window(inputs, weights, grid):
    conv = conv_on(inputs, (*WINDOW, FILTERS), weights, grid=grid)
    conv.forward(END)
    times, counts = (array.reshape(3, *MAP, *array.shape[2:]) for array in inputs.spike_trains)
    emitted = conv.spike_trains[0].reshape(3, 3, 6, FILTERS, 30)
    for ox, oy in [(0, 0), (1, 3), (2, 5)]:
        window = np.s_[:, ox : ox + WINDOW[0], oy : oy + WINDOW[1]]
        seen = InputLayer(12)
        seen.set_spike_trains(times[window].reshape(3, 12, 2), counts[window].reshape(3, 12))
        dense = LIFLayer(
            seen, **CONSTANTS, weight_initializer=lambda *_: weights.reshape(FILTERS, 12), max_n_spike=30,
            n_neurons=FILTERS, grid=grid, dtype=np.float64,
        )  # fmt: skip
        dense.forward(END)
        assert dense.spike_trains[1].any()
        np.testing.assert_array_equal(emitted[:, ox, oy], dense.spike_trains[0])


def test_what_is_emitted_names_the_last_input_of_its_own_window(inputs, weights):
    layer = conv_on(inputs, (*WINDOW, FILTERS), weights)
    layer.forward(END)
    emitted, below = layer.emitted, inputs.events
    np.testing.assert_allclose(below.times[emitted.last_input] + emitted.since_input, layer.events.times, rtol=1e-12)
    for pixel, position in zip(below.neurons[emitted.last_input] // 2, layer.events.neurons // FILTERS, strict=True):
        (x, y), (ox, oy) = divmod(pixel, 7), divmod(position, 6)
        assert 0 <= x - ox < 3
        assert 0 <= y - oy < 2
    assert (layer.events.samples == below.samples[emitted.last_input]).all()


def test_lost_spikes_are_counted_for_each_sample(inputs, weights):
    layers = [conv_on(inputs, (*WINDOW, FILTERS), weights, max_n_spike=size) for size in (1, 30)]
    for layer in layers:
        layer.forward(END)
    short, whole = layers
    counts = whole.events.counts()
    np.testing.assert_array_equal(short.emitted.lost, np.maximum(counts - 1, 0).sum(axis=1))
    assert short.lost_spikes > whole.lost_spikes == 0
    assert short.emitted.bounded.shape == (3,)


def test_the_fast_convolution_is_the_reference(inputs, weights, gradient_tolerance):
    errors = np.random.default_rng(10).normal(size=(3, 18 * FILTERS, 30))
    found = []
    for backend in ("cpu", "reference"):
        set_backend(backend)
        layer = conv_on(inputs, (*WINDOW, FILTERS), weights)
        layer.forward(0.12)
        found.append((*layer.spike_trains, *layer.backward(errors)))
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=ROUNDING)
    for fast, slow in zip(found[0][2:], found[1][2:], strict=True):
        np.testing.assert_allclose(fast, slow, atol=gradient_tolerance[np.float64] * np.abs(slow).max())


def test_the_number_of_threads_changes_no_bit(inputs, weights):
    found = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            layer = conv_on(inputs, (*WINDOW, FILTERS), weights.astype(np.float32), dtype=np.float32)
            layer.forward(END)
            found.append((*layer.spike_trains, *layer.backward(np.ones(layer.events.times.shape, np.float32))))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "snap", "detect"])
def test_a_window_as_large_as_the_map_is_a_dense_layer(inputs, grid):
    weights = np.random.default_rng(11).uniform(-0.2, 0.4, (3, *MAP))
    conv = conv_on(inputs, (MAP[0], MAP[1], 3), weights, grid=grid)
    dense = LIFLayer(
        inputs, **CONSTANTS, weight_initializer=lambda *_: weights.reshape(3, -1), max_n_spike=30, n_neurons=3,
        grid=grid, dtype=np.float64,
    )  # fmt: skip
    for layer in (conv, dense):
        layer.forward(END)
    assert len(conv.events.times) > 10
    for one, other in zip(conv.spike_trains, dense.spike_trains, strict=True):
        np.testing.assert_array_equal(one, other)
    errors = np.random.default_rng(12).normal(size=conv.events.times.shape)
    for one, other in zip(conv.backward(errors), dense.backward(errors), strict=True):
        np.testing.assert_array_equal(one.ravel(), other.ravel())


@pytest.mark.parametrize("batch", [1, 1030])
def test_any_number_of_samples_is_simulated_as_each_would_be_alone(random_trains, batch):
    times, counts = random_trains(np.random.default_rng(13), batch, 9, 1, np.float32)
    weights = np.random.default_rng(14).uniform(0, 6, (2, 2, 2, 1))
    layer = conv_on(input_of((3, 3, 1), (times, counts)), (2, 2, 2), weights, dtype=np.float32)
    layer.forward(END)
    last = conv_on(input_of((3, 3, 1), (times[-1:], counts[-1:])), (2, 2, 2), weights, dtype=np.float32)
    last.forward(END)
    assert len(last.events.times) > 3
    for all_samples, one in zip(layer.spike_trains, last.spike_trains, strict=True):
        np.testing.assert_array_equal(all_samples[-1:], one)
    errors = np.ones(layer.events.times.shape, np.float32)
    each = layer.backward(errors, per_sample=True)[0]
    alone = last.backward(errors[-len(last.events.times) :])[0]
    np.testing.assert_allclose(each[-1:], alone, rtol=1e-5)  # float32 sums over positions in another order


def test_silent_samples_stay_silent_and_have_no_gradient(weights):
    times = np.full((2, math.prod(MAP), 1), np.inf)
    layer = conv_on(input_of(MAP, (times, np.zeros((2, math.prod(MAP)), int))), (*WINDOW, FILTERS), weights)
    layer.forward(END)
    assert not layer.spike_trains[1].any()
    assert not layer.backward(np.zeros(layer.spike_trains[0].shape))[0].any()


def test_a_buffer_grows_until_no_spike_is_lost(inputs, weights):
    whole, growing = (conv_on(inputs, (*WINDOW, FILTERS), weights, **size) for size in ({}, {"max_n_spike": 1}))
    growing.grow = True
    for layer in (whole, growing):
        layer.forward(END)
    most = int(whole.spike_trains[1].max())
    assert growing.max_n_spike == 2 ** math.ceil(math.log2(most))
    np.testing.assert_array_equal(growing.events.times, whole.events.times)
    np.testing.assert_array_equal(growing.spike_trains[0][:, :, :most], whole.spike_trains[0][:, :, :most])


def test_weights_are_shown_as_they_are_set_and_take_deltas_of_their_shape(weights):
    layer = conv_on(ConvInputLayer(MAP), (*WINDOW, FILTERS), weights)
    np.testing.assert_array_equal(layer.weights, weights)
    layer.add_deltas(weights)
    np.testing.assert_array_equal(layer.weights, 2 * weights)
    with pytest.raises(ValueError, match=r"delta of layer 'conv' has shape \(1, 4, 3, 2, 2\): pass \(4, 3, 2, 2\)"):
        layer.add_deltas(weights[None])


def test_the_initializer_is_asked_for_the_shape_of_the_filters():
    asked = []
    ConvLIFLayer(ConvInputLayer(MAP), (3, 2, 4), 0.1, 0.1, 0.1, lambda *s: asked.append(s) or np.zeros(s))
    assert asked == [(4, 3, 2, 2)]


def test_weights_that_do_not_fit_are_refused_in_words(weights):
    layer = conv_on(ConvInputLayer(MAP), (*WINDOW, FILTERS), weights)
    with pytest.raises(
        ValueError,
        match=r"'conv' have shape \(3, 2, 2, 4\) but it has 4 filters of 3 x 2 above 2 channels: pass \(4, 3, 2, 2\)",
    ):
        layer.weights = weights.transpose(1, 2, 3, 0)


@pytest.mark.parametrize(
    ("filters_shape", "message"),
    [
        ((6, 2, 4), r"filters of 6 x 2 are larger than the map of 5 x 7 of ConvInputLayer 'in': pass .* fx up to 5"),
        ((3, 8, 4), r"filters of 3 x 8 are larger than the map of 5 x 7 .* fy up to 7"),
        ((3, 2), r"filters_shape is \(3, 2\): pass \(fx, fy, n_filters\), three whole numbers from 1"),
        ((3, 2, 0), r"filters_shape is 0: pass \(fx, fy, n_filters\), three whole numbers from 1"),
    ],
)
def test_filters_that_do_not_fit_are_refused_in_words(filters_shape, message):
    with pytest.raises(ValueError, match=message):
        ConvLIFLayer(ConvInputLayer(MAP, "in"), filters_shape, 0.1, 0.1, 0.1)


def test_a_layer_below_without_a_map_is_refused_in_words():
    with pytest.raises(TypeError, match=r"previous_layer is InputLayer 'flat': a convolution needs a map below it"):
        ConvLIFLayer(InputLayer(70, "flat"), (3, 2, 4), 0.1, 0.1, 0.1)


def test_an_initializer_that_is_none_is_refused_with_the_axes_of_the_filters():
    with pytest.raises(TypeError, match=r"weight_initializer is 3: pass a function of \(n_filters, fx, fy, channels\)"):
        ConvLIFLayer(ConvInputLayer(MAP), (3, 2, 4), 0.1, 0.1, 0.1, 3)


def test_diverged_weights_are_refused_in_terms_of_the_map(inputs, weights):
    layer = conv_on(inputs, (*WINDOW, FILTERS), 1e8 * np.abs(weights))
    with pytest.raises(ValueError, match=r"ConvLIFLayer 'conv' simulates each of its 18 positions .* have diverged"):
        layer.forward(END)


def test_spikes_are_asked_for_too_early(inputs, weights):
    layer = conv_on(inputs, (*WINDOW, FILTERS), weights)
    layer.forward(END)
    layer.reset()
    for use in (lambda: layer.events, lambda: layer.backward(np.zeros(3))):
        with pytest.raises(RuntimeError, match="layer 'conv' has not been simulated yet"):
            use()


def test_convolutions_stand_on_pooled_maps_and_on_convolutions(inputs, weights):
    pooled = PoolingLayer(conv_on(inputs, (*WINDOW, FILTERS), weights))
    above = ConvLIFLayer(pooled, (1, 3, 2), 0.1, 0.1, 0.1)
    assert above.neurons_shape.tolist() == [1, 1, 2]
    assert above.neurons_shape.dtype == np.int32
    assert above.weights.shape == (2, 1, 3, FILTERS)
