import numpy as np
import pytest

from bats_dt import Network, TimeGrid, set_backend
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer
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


def frozen_count_errors(network, cotangent):
    """dL/dt of the linear loss sum(cotangent * t) in the padded form."""
    return np.where(np.isfinite(network.output_spike_trains[0]), cotangent, 0.0)


def test_central_differences_through_two_layers_agree(random_trains):
    rng = np.random.default_rng(3)
    network = two_layer_network(rng, dtype=np.float64)
    times, counts = random_trains(rng, 4, 12, 2)
    network.forward(times, counts, max_simulation=0.3)
    output = network.output_spike_trains
    assert output[1].sum() > 20
    cotangent = rng.normal(size=output[0].shape)
    errors = frozen_count_errors(network, cotangent)
    gradients = network.backward(errors)
    step = 1e-7
    for layer, gradient in zip(network.layers[1:], gradients[1:], strict=True):
        assert gradient.shape == (1, *layer.weights.shape)
        weights, along = layer.weights.copy(), rng.normal(size=layer.weights.shape)
        values = []
        for sign in (step, -step):
            layer.weights = weights + sign * along
            network.forward(times, counts, max_simulation=0.3)
            moved, moved_counts = network.output_spike_trains
            np.testing.assert_array_equal(moved_counts, output[1])
            finite = np.isfinite(moved)
            values.append((cotangent[finite] * moved[finite]).sum() / 4)
        layer.weights = weights
        np.testing.assert_allclose((gradient[0] * along).sum(), (values[0] - values[1]) / (2 * step), rtol=1e-5)


def test_errors_of_the_middle_layer_move_with_the_input_times(random_trains):
    rng = np.random.default_rng(4)
    network = two_layer_network(rng, dtype=np.float64)
    times, counts = random_trains(rng, 2, 12, 1)
    network.forward(times, counts, max_simulation=0.4)
    output = network.output_spike_trains
    # shifting every input by d shifts every spike by d: the errors passed down sum to the errors put in
    cotangent = rng.normal(size=output[0].shape)
    errors = frozen_count_errors(network, cotangent)
    _, passed = network.layers[2].backward(errors)
    np.testing.assert_allclose(passed.sum(), errors.sum(), rtol=1e-9)


def test_gradients_are_the_mean_of_those_of_the_samples(random_trains):
    rng = np.random.default_rng(5)
    network = two_layer_network(rng)
    network.forward(*random_trains(rng, 5, 12, 1, np.float32), max_simulation=0.3)
    errors = frozen_count_errors(network, 1.0).astype(np.float32)
    mean, samples = network.backward(errors), network.backward(errors, per_sample=True)
    assert mean[0] is None
    assert samples[0] is None
    for one, each, layer in zip(mean[1:], samples[1:], network.layers[1:], strict=True):
        assert one.shape == (1, *layer.weights.shape)
        assert each.shape == (5, *layer.weights.shape)
        np.testing.assert_allclose(each.mean(axis=0), one.mean(axis=0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("grid", GRIDS, ids=["exact", "snap", "detect"])
def test_the_whole_step_is_the_same_with_the_reference(random_trains, grid):
    rng = np.random.default_rng(6)
    network = two_layer_network(rng, grid=grid, dtype=np.float64)
    trains = random_trains(rng, 2, 12, 1)
    results = []
    for backend in ("cpu", "reference"):
        set_backend(backend)
        network.reset()
        network.forward(*trains, max_simulation=0.3)
        times, counts = network.output_spike_trains
        errors = SpikeCountClassLoss(TARGET_TRUE, TARGET_FALSE).compute_errors(times, counts, np.array([0, 1]))
        gradients = network.backward(errors)
        deltas = AdamOptimizer().step([None if g is None else g[0] for g in gradients])
        results.append((times, counts, *gradients[1:], *deltas[1:]))
    assert results[0][1].sum() > 10
    for fast, slow in zip(*results, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-6, atol=1e-8)


def test_a_sample_without_any_spike_has_no_gradient():
    network = two_layer_network(np.random.default_rng(7))
    network.forward(np.full((3, 12, 1), np.inf, np.float32), np.zeros((3, 12), np.int32))
    times, counts = network.output_spike_trains
    assert not counts.any()
    assert np.isinf(times).all()
    loss, errors = SpikeCountClassLoss(5, 0).compute_loss_and_errors(times, counts, np.zeros(3, int))
    assert np.isfinite(loss).all()
    assert all(not g.any() for g in network.backward(errors)[1:])


@pytest.mark.parametrize("batch", [1, 1025])
def test_any_batch_size_works(random_trains, batch):
    rng = np.random.default_rng(8)
    network = two_layer_network(rng)
    network.forward(*random_trains(rng, batch, 12, 1, np.float32), max_simulation=0.2)
    times, counts = network.output_spike_trains
    assert times.shape == (batch, 3, 20)
    assert counts.sum() > 0
    assert np.isfinite(network.backward(np.ones_like(times))[1]).all()


def test_networks_put_together_wrongly_say_so():
    inputs = InputLayer(2)
    network = Network()
    trains = np.ones((1, 2, 1)), np.ones((1, 2), int)
    with pytest.raises(ValueError, match=r"no input layer: add_layer\(InputLayer"):
        network.forward(*trains)
    with pytest.raises(ValueError, match="input=True needs an InputLayer or ConvInputLayer, LIFLayer '' is none"):
        network.add_layer(LIFLayer(inputs, 0.1, 0.1, 0.1, n_neurons=2), input=True)
    network.add_layer(inputs, input=True)
    with pytest.raises(ValueError, match="max_simulation is 0 s: the end of the simulation must be above 0"):
        network.forward(*trains, max_simulation=0)
    with pytest.raises(TypeError, match=r"max_simulation is None: pass the end in seconds, math\.inf for none"):
        network.forward(*trains, max_simulation=None)
    with pytest.raises(ValueError, match="2 deltas for 1 layers"):
        network.apply_deltas([None, None])


def test_layers_that_do_not_make_a_stack_are_refused_when_they_are_added():
    inputs = InputLayer(2, "inputs")
    hidden = LIFLayer(inputs, 0.1, 0.1, 0.1, n_neurons=2, name="hidden")
    output = LIFLayer(hidden, 0.1, 0.1, 0.1, n_neurons=2, name="output")
    network = Network()
    with pytest.raises(TypeError, match=r"layer is 'x': pass a layer of bats_dt\.layers, for"):
        network.add_layer("x")
    with pytest.raises(ValueError, match=r"'hidden' was made to stand on InputLayer 'inputs' but .* on no layer: add"):
        network.add_layer(hidden)
    network.add_layer(inputs, input=True)
    with pytest.raises(ValueError, match=r"'output' was made to stand on LIFLayer 'hidden' but .* on InputLayer"):
        network.add_layer(output)
    with pytest.raises(ValueError, match="InputLayer 'more' was made to stand on no layer but"):
        network.add_layer(InputLayer(2, "more"), input=True)
    assert network.layers == [inputs]


def test_an_empty_network_has_neither_output_nor_gradients():
    for use in (lambda: Network().output_spike_trains, lambda: Network().backward(np.ones((1, 1, 1)))):
        with pytest.raises(RuntimeError, match="the network has no layers yet: call add_layer"):
            use()


@pytest.mark.parametrize("errors", [1.0, np.ones((2, 3)), np.ones((1, 3, 20)), np.ones((2, 3, 19))])
def test_errors_of_another_shape_than_the_output_are_refused_in_words(random_trains, errors):
    rng = np.random.default_rng(11)
    network = two_layer_network(rng)
    network.forward(*random_trains(rng, 2, 12, 1, np.float32), max_simulation=0.3)
    with pytest.raises(ValueError, match=r"errors have shape \(.*\): pass dL/dt of shape \(2, 3, 20\)"):
        network.backward(errors)


def test_errors_that_would_be_rounded_to_integers_are_refused_in_words(random_trains):
    network = two_layer_network(np.random.default_rng(12))
    network.forward(*random_trains(np.random.default_rng(12), 2, 12, 1, np.float32), max_simulation=0.3)
    with pytest.raises(TypeError, match="errors have dtype int64: pass dL/dt in floating point, as a loss returns it"):
        network.backward(np.ones((2, 3, 20), np.int64))


def convolutional_network(rng, size=6, grid=None):
    """A map of spikes, a convolution, pooling, a convolution, and three output neurons."""
    network = Network()
    network.add_layer(ConvInputLayer((size, size, 1), name="inputs"), input=True)
    below = network.layers[-1]
    below = ConvLIFLayer(
        below, (3, 3, 4), 0.1, 0.05, 0.05, lambda *s: rng.uniform(-0.3, 1.0, s), 100, name="conv", grid=grid
    )
    network.add_layer(below)
    network.add_layer(PoolingLayer(below, name="pool"))
    below = ConvLIFLayer(
        network.layers[-1], (2, 2, 5), 0.1, 0.1, 0.1, lambda *s: rng.uniform(-0.3, 1.0, s), 100, name="conv2", grid=grid
    )
    network.add_layer(below)
    output = LIFLayer(
        below, 0.1, 0.3, 0.3, lambda *s: rng.uniform(-0.2, 1.0, s), 100, n_neurons=3, name="output", grid=grid
    )
    network.add_layer(output)
    return network


def test_errors_walk_back_through_pooling(random_trains):
    rng = np.random.default_rng(13)
    network = convolutional_network(rng)
    network.forward(*random_trains(rng, 4, 36, 1, np.float32), max_simulation=0.3)
    gradients = network.backward(np.ones_like(network.output_spike_trains[0]))
    assert [g is None for g in gradients] == [True, False, True, False, False]
    for layer, gradient in zip(network.layers, gradients, strict=True):
        if gradient is not None:
            assert gradient.shape == (1, *layer.weights.shape)
            assert gradient.any()
    samples = network.backward(np.ones_like(network.output_spike_trains[0]), per_sample=True)
    assert samples[1].shape == (4, 4, 3, 3, 1)
    deltas = AdamOptimizer().step([None if g is None else g.mean(axis=0) for g in gradients])
    before = network.layers[1].weights.copy()
    network.apply_deltas(deltas)
    np.testing.assert_allclose(network.layers[1].weights - before, deltas[1], atol=1e-6)
