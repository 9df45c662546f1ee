import math
import warnings

import numpy as np
import pytest

from bats_dt import TimeGrid, set_backend
from bats_dt.backend import array_module, to_numpy
from bats_dt.layers import InputLayer, LIFLayer


def layer_above(inputs, weights, **arguments):
    weights = np.asarray(weights)
    given = {"tau_s": 1.0, "theta": 2.0, "delta_theta": 2.0, "name": "hidden", "n_neurons": len(weights)}
    return LIFLayer(inputs, **{**given, "weight_initializer": lambda *_: weights, **arguments})


def spiking_input(times):
    layer = InputLayer(len(times), name="inputs")
    layer.set_spike_trains(np.array(times, np.float32)[None, :, None], np.isfinite([times]).astype(np.int32))
    return layer


def test_the_hand_worked_spike_comes_out_padded():
    layer = layer_above(spiking_input([0.0]), [[4.5], [1.0]], max_n_spike=3)
    layer.forward(10.0)
    times, counts = layer.spike_trains
    np.testing.assert_allclose(times, [[[2 * math.log(1.5), np.inf, np.inf], [np.inf] * 3]], rtol=1e-6)
    np.testing.assert_array_equal(counts, [[1, 0]])
    assert (times.dtype, counts.dtype) == (np.float32, np.int32)


def test_weights_are_shown_as_post_by_pre_and_copied_when_set():
    layer = layer_above(InputLayer(2), [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(layer.weights, [[1, 2], [3, 4], [5, 6]])
    given = np.zeros((3, 2))
    layer.weights = given
    given[:] = 7
    assert not layer.weights.any()
    layer.add_deltas(np.ones((3, 2)))
    np.testing.assert_array_equal(layer.weights, np.ones((3, 2)))


def test_weights_lie_where_the_backend_computes(cuda):
    layer = layer_above(InputLayer(2), [[1, 2], [3, 4], [5, 6]])
    layer.add_deltas(np.ones((3, 2)))
    layer.add_deltas(layer.weights)
    assert isinstance(layer.weights, array_module().ndarray)
    np.testing.assert_array_equal(to_numpy(layer.weights), [[4, 6], [8, 10], [12, 14]])
    set_backend("cpu")
    with pytest.raises(TypeError, match="weights of layer 'hidden': an array on a GPU, but the backend is 'cpu'"):
        layer.weights = layer.weights


def test_without_an_initializer_the_weights_are_zero():
    assert not LIFLayer(InputLayer(2), 1.0, 1.0, 1.0, n_neurons=3).weights.any()


def test_a_full_buffer_is_counted_and_said_once():
    layer = layer_above(spiking_input([0.0]), [[40.0]], max_n_spike=2)
    with pytest.warns(RuntimeWarning, match=r"layer 'hidden' lost \d+ spikes: max_n_spike = 2 is too small"):
        layer.forward(10.0)
    assert layer.lost_spikes > 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.forward(10.0)


def test_keeping_only_the_first_spike_is_no_fault_but_still_counted():
    layer = layer_above(spiking_input([0.0]), [[40.0]], max_n_spike=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.forward(10.0)
    assert layer.lost_spikes > 2


def test_a_buffer_grows_until_no_spike_is_lost_and_stays_as_large():
    whole, growing = (
        layer_above(spiking_input([0.0, 0.5]), [[40.0, 10.0], [9.0, 0.0]], **size)
        for size in ({"max_n_spike": 64}, {"max_n_spike": 3, "grow": True})
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for layer in (whole, growing):
            layer.forward(10.0)
    most = int(whole.spike_trains[1].max())
    assert growing.max_n_spike == 3 * 2 ** math.ceil(math.log2(most / 3)) > 3
    assert growing.lost_spikes == 0
    assert growing.spike_trains[0].shape == (1, 2, growing.max_n_spike)
    np.testing.assert_array_equal(growing.events.times, whole.events.times)
    gradients = [layer.backward(np.ones(layer.events.times.shape, np.float32))[0] for layer in (whole, growing)]
    np.testing.assert_array_equal(*gradients)


def test_the_membrane_time_constant_is_twice_the_synaptic_one_unless_it_is_given():
    assert layer_above(InputLayer(1), [[1.0]]).neuron.tau_mem == 2.0
    assert layer_above(InputLayer(1), [[1.0]], tau_mem=0.7).neuron.tau_mem == 0.7


def test_bounded_slopes_are_counted():
    layer = layer_above(spiking_input([0.0]), [[4.0]])
    layer.forward(10.0)
    assert layer.bounded_slopes == 1


def test_errors_stop_at_a_layer_that_is_not_trainable():
    layer = layer_above(spiking_input([0.0]), [[4.5]], max_n_spike=3)
    layer.forward(10.0)
    gradient, passed = layer.backward(np.ones((1, 1, 3), np.float32))
    np.testing.assert_allclose(gradient, [[[-4 / 9]]], rtol=1e-5)
    assert passed is None
    assert layer.spike_trains[0].shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau_s": -1.0}, "tau_s is -1.0 s: a time constant"),
        ({"delta_theta": 0.0}, "delta_theta is 0.0: a spike must lower the potential"),
        ({"max_n_spike": 2.5}, r"max_n_spike is 2\.5: the buffer needs .* a whole number"),
        ({"n_neurons": 1.5}, r"n_neurons is 1\.5: a layer needs at least 1 neuron, a whole number"),
        ({"max_n_spike": 0}, "max_n_spike is 0: the buffer needs room for at least 1"),
        ({"grid": TimeGrid(100.0)}, "dt is 100.0 s, more than 30 times the slowest time constant of 2.0 s"),
        ({"grid": TimeGrid(40.0), "tau_mem": 0.5}, "more than 30 times the slowest time constant of 1.0 s"),
        (
            {"grid": TimeGrid(0.1, "published"), "tau_mem": 0.5},
            r"rule 'published' with tau_mem = 0\.5 s and tau_s = 1\.0 s: it is defined by the closed form",
        ),
        ({"tau_mem": 0.0}, r"tau_mem is 0\.0 s: a time constant must be finite and above 0"),
        ({"dtype": np.float16}, "dtype is float16: pass float32 or float64"),
    ],
)
def test_arguments_out_of_range_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        layer_above(InputLayer(1), [[1.0]], **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": 0.01}, r"grid is 0\.01: pass TimeGrid\(0\.01\), or None for continuous time"),
        ({"weight_initializer": np.ones((1, 1))}, r"weight_initializer is an array of shape \(1, 1\): pass a function"),
        ({"tau_s": "a"}, "tau_s is 'a': a time constant must be finite and above 0"),
        ({"theta": None}, "theta is None: the threshold must be finite and above 0"),
        ({"n_neurons": "3"}, "n_neurons is '3': a layer needs at least 1 neuron"),
        ({"grow": 2}, "grow is 2: pass True to enlarge the buffer until no spike is lost, or False"),
        ({"max_n_spike": None}, "max_n_spike is None: the buffer needs room"),
    ],
)
def test_arguments_of_another_kind_are_refused_in_words(arguments, message):
    with pytest.raises(TypeError, match=message):
        layer_above(InputLayer(1), [[1.0]], **arguments)


def test_a_layer_without_one_below_is_refused_in_words():
    with pytest.raises(TypeError, match="previous_layer is None: pass the layer below, for example an InputLayer"):
        LIFLayer(None, 1.0, 1.0, 1.0, n_neurons=1)


def test_weights_and_deltas_must_be_finite_in_the_precision_of_the_layer():
    layer = layer_above(InputLayer(2), [[1.0, 2.0]])
    with pytest.raises(ValueError, match="weights of layer 'hidden' hold inf or nan as float32: pass finite numbers"):
        layer.weights = np.array([[1.0, 1e39]])
    for wrong in (np.nan, np.inf, -1e39):
        with pytest.raises(ValueError, match="deltas of layer 'hidden' hold inf or nan as float32"):
            layer.add_deltas(np.array([[0.0, wrong]]))
    np.testing.assert_array_equal(layer.weights, [[1, 2]])
    wide = layer_above(InputLayer(2), [[1.0, 1e39]], dtype=np.float64)
    np.testing.assert_array_equal(wide.weights, [[1, 1e39]])


def test_weights_taken_from_another_layer_are_not_shared_with_it():
    one, other = (layer_above(InputLayer(2), np.ones((3, 2))) for _ in range(2))
    one.weights = other.weights
    one.add_deltas(np.ones((3, 2)))
    assert (other.weights == 1).all()


def test_weights_that_do_not_fit_are_refused_in_words():
    layer = layer_above(InputLayer(2), [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"shape \(2, 1\) but it has 1 neurons above 2: pass \(1, 2\)"):
        layer.weights = np.ones((2, 1))
    with pytest.raises(ValueError, match="hold inf or nan"):
        layer.weights = np.array([[1.0, np.nan]])
    with pytest.raises(ValueError, match=r"delta .* has shape \(1, 1, 2\): pass \(1, 2\)"):
        layer.add_deltas(np.ones((1, 1, 2)))


@pytest.mark.parametrize("given", [np.array([["a", "b"]]), np.ones((1, 2), complex), np.array([[None, None]])])
def test_weights_that_are_no_real_numbers_are_refused_in_words(given):
    layer = layer_above(InputLayer(2), [[1.0, 2.0]])
    with pytest.raises(TypeError, match=r"weights of layer 'hidden' have dtype .*: pass real numbers"):
        layer.weights = given
    with pytest.raises(TypeError, match=r"deltas of layer 'hidden' have dtype .*: pass real numbers"):
        layer.add_deltas(given)


def test_errors_of_another_shape_are_refused_in_words():
    layer = layer_above(spiking_input([0.0]), [[4.5]], max_n_spike=3)
    layer.forward(10.0)
    with pytest.raises(ValueError, match=r"shape \(1, 1\): pass \(1, 1, 3\)"):
        layer.backward(np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"shape \(\): pass \(1, 1, 3\)"):
        layer.backward(1.0)


@pytest.mark.parametrize(
    ("dt", "end", "message"),
    [
        (0.5, 0.4, "dt is 0.5 s but the simulation ends at 0.4 s, before the first grid point"),
        (1e-9, 10.0, "float32 resolves only"),
        (1e-9, math.inf, "float32 resolves only"),
        (1e-6, math.inf, r"float32 resolves only .* s at 60\.1"),  # spikes come long after the only input, at 0.1 s
    ],
)
def test_a_grid_that_does_not_fit_the_simulation_is_refused_in_words(dt, end, message):
    layer = layer_above(spiking_input([0.1]), [[4.5]], grid=TimeGrid(dt))
    with pytest.raises(ValueError, match=message):
        layer.forward(end)


def test_spikes_are_asked_for_too_early():
    inputs = InputLayer(1, name="inputs")
    with pytest.raises(RuntimeError, match="layer 'hidden' has not been simulated yet"):
        _ = layer_above(inputs, [[1.0]]).spike_trains
    with pytest.raises(RuntimeError, match="input layer 'inputs' has no spikes yet"):
        _ = inputs.spike_trains


def test_input_trains_of_another_width_are_refused_in_words():
    with pytest.raises(ValueError, match=r"shape \(1, 3, 1\) but input layer 'inputs' has 2 neurons: pass \(1, 2, 1\)"):
        InputLayer(2, "inputs").set_spike_trains(np.ones((1, 3, 1)), np.ones((1, 3), int))


def test_a_layer_without_neurons_or_without_weights_says_so():
    with pytest.raises(ValueError, match="n_neurons is 0: a layer needs at least 1"):
        InputLayer(0)
    with pytest.raises(ValueError, match="InputLayer 'inputs' has no weights: pass None"):
        InputLayer(1, "inputs").add_deltas(np.ones((1, 1)))
