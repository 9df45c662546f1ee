"""Whole networks under the backend "cuda": on a GPU, or by its sources on the CPU, on arrays as strict as CuPy's."""

import numpy as np
import pytest

from bats_dt import Network, SilentLabelRemedy, TimeGrid, set_backend
from bats_dt.backend import array_module, as_array, to_numpy
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer
from bats_dt.losses import SpikeCountClassLoss, SpikeCountLoss, SpikeTimeLoss, TTFSSoftmaxCrossEntropy
from bats_dt.optimizers import AdamOptimizer, GradientDescentOptimizer, NAdamOptimizer

LOSSES = {
    "class counts": (SpikeCountClassLoss(6, 2), lambda labels: labels),
    "counts": (SpikeCountLoss(), lambda labels: 4.0 * np.eye(3)[labels]),
    "first spikes": (TTFSSoftmaxCrossEntropy(0.05), lambda labels: labels),
    "times": (SpikeTimeLoss(), lambda labels: np.where(np.eye(3)[labels] > 0, 0.05, np.inf)),
}
OPTIMIZERS = {"Adam": AdamOptimizer, "NAdam": NAdamOptimizer, "gradient descent": GradientDescentOptimizer}


def dense(dtype, **neuron):
    rng, network = np.random.default_rng(0), Network()
    layer = InputLayer(20)
    network.add_layer(layer, input=True)
    for n_neurons, name in ((33, "hidden"), (3, "output")):
        layer = LIFLayer(
            layer, 0.13, 0.2, 0.2, lambda *shape: rng.uniform(-0.5, 1, shape), 20, n_neurons=n_neurons, name=name,
            dtype=dtype, **neuron,
        )  # fmt: skip
        network.add_layer(layer)
    return network


def convolutional(dtype):
    rng, network = np.random.default_rng(0), Network()

    def weights(*shape):
        return rng.uniform(-0.5, 1, shape)

    layer = ConvInputLayer((6, 7, 1))
    network.add_layer(layer, input=True)
    for make in (
        lambda below: ConvLIFLayer(below, (3, 2, 4), 0.13, 0.1, 0.1, weights, 4, name="conv", dtype=dtype),
        PoolingLayer,
        lambda below: LIFLayer(below, 0.13, 0.2, 0.2, weights, 30, n_neurons=3, name="output", dtype=dtype),
    ):
        layer = make(layer)
        network.add_layer(layer)
    return network


def trained(make, trains, labels, loss, targets, optimizer, per_sample=False, steps=3):
    """Weights, losses and predictions of some training steps, on the host."""
    network, seen = make(), []
    for _ in range(steps):
        network.reset()
        network.forward(*trains, 0.3)
        times, counts = network.output_spike_trains
        losses, errors = loss.compute_loss_and_errors(times, counts, targets)
        seen += [losses, loss.predict(times, counts)]
        gradients = network.backward(errors, per_sample)
        gradients = SilentLabelRemedy(0.1).apply(gradients, network, labels)
        network.apply_deltas(optimizer.step([g if g is None else g.mean(axis=0) for g in gradients]))
    return [
        to_numpy(found) for found in (*seen, *(layer.weights for layer in network.layers if layer.weights is not None))
    ]


def assert_trained_alike(
    make, trains, labels, loss="class counts", optimizer="Adam", dtype=np.float64, per_sample=False
):
    """Under "cuda" as under "cpu"."""
    criterion, targets = LOSSES[loss]
    results = []
    for backend in ("cuda", "cpu"):
        set_backend(backend)
        step = OPTIMIZERS[optimizer](learning_rate=1e-3)
        results.append(trained(make, trains, labels, criterion, targets(labels), step, per_sample))
    # float32: roundings of times and sums, which Adam's division by the size of a gradient lets through
    tolerance = {np.float64: 1e-9, np.float32: 2e-4}[dtype]
    for found, expected in zip(*results, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert np.abs(results[1][-1]).max() > 0


@pytest.fixture
def task(random_trains):
    """Trains of 20 neurons and labels of 5 samples."""
    rng = np.random.default_rng(1)
    return random_trains(rng, 5, 20, 2), rng.integers(0, 3, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("per_sample", [False, True])
def test_a_dense_network_trains_as_on_the_cpu(cuda, task, dtype, per_sample):
    assert_trained_alike(lambda: dense(dtype), *task, dtype=dtype, per_sample=per_sample)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_as_on_the_cpu(cuda, task, loss):
    assert_trained_alike(lambda: dense(np.float64), *task, loss=loss)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains_as_on_the_cpu(cuda, task, optimizer):
    assert_trained_alike(lambda: dense(np.float64), *task, optimizer=optimizer)


NEURONS = {
    "snap": {"grid": TimeGrid(0.01)},
    "detect": {"grid": TimeGrid(0.01, "detect")},
    "published": {"grid": TimeGrid(0.01, "published")},
    "tau_mem = tau_syn": {"tau_mem": 0.13},
    "another tau_mem": {"tau_mem": 0.5},
}


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_on_a_grid_and_with_any_membrane_it_trains_as_on_the_cpu(cuda, task, neuron):
    assert_trained_alike(lambda: dense(np.float64, **neuron), *task)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_convolutional_network_trains_as_on_the_cpu(cuda, random_trains, dtype):
    rng = np.random.default_rng(1)
    assert_trained_alike(lambda: convolutional(dtype), random_trains(rng, 3, 42, 2), rng.integers(0, 3, 3), dtype=dtype)


def test_spike_trains_may_lie_on_the_gpu_and_results_do(cuda, task):
    network = dense(np.float32)
    network.forward(*(as_array("trains", array) for array in task[0]), 0.3)
    of_device = [*network.output_spike_trains, network.layers[1].weights]
    network.reset()
    network.forward(*task[0], 0.3)
    for array, again in zip(of_device, network.output_spike_trains, strict=False):
        assert isinstance(array, array_module().ndarray)
        np.testing.assert_array_equal(to_numpy(array), to_numpy(again))


def test_a_full_buffer_grows_and_weights_are_stored_and_restored(cuda, task, tmp_path):
    network, again = (dense(np.float32, grow=True) for _ in range(2))
    for layer in network.layers[1:]:
        layer.weights = 4 * layer.weights
    network.forward(*task[0], 0.3)
    assert network.layers[-1].max_n_spike > 20
    assert network.layers[-1].lost_spikes == 0
    network.store(tmp_path)
    again.restore(tmp_path)
    for one, other in zip(network.layers[1:], again.layers[1:], strict=True):
        np.testing.assert_array_equal(to_numpy(one.weights), to_numpy(other.weights))


def test_a_network_made_under_another_backend_is_refused_in_words(cuda, task):
    set_backend("cpu")
    network = dense(np.float32)
    set_backend("cuda")
    with pytest.raises(TypeError, match="weights are on the host but the backend is 'cuda': a network and its spikes"):
        network.forward(*task[0], 0.3)


@pytest.mark.parametrize(("first", "then", "where"), [("cuda", "cpu", "on a GPU"), ("cpu", "cuda", "on the host")])
def test_moments_made_under_another_backend_are_refused_in_words(cuda, first, then, where):
    optimizer = AdamOptimizer()
    set_backend(first)
    optimizer.step([None, as_array("gradients", np.ones((2, 3)))])
    set_backend(then)
    with pytest.raises(TypeError, match=f"moments are {where} but the backend is '{then}'"):
        optimizer.step([None, as_array("gradients", np.ones((2, 3)))])


def test_repeated_runs_have_equal_bits(cuda, task):
    runs = [
        trained(lambda: dense(np.float32), *task, LOSSES["class counts"][0], task[1], AdamOptimizer()) for _ in range(2)
    ]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)
