"""Weights that networks and single layers store and restore, and those that BATS has stored."""

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.backend import to_numpy
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer

STORED = {"conv": (3, 2, 2, 2), "dense": (4, 12)}


def network_of(seed, n_neurons=4):
    """A convolution, pooling and a dense layer; only the first and the last have weights."""
    rng, network = np.random.default_rng(seed), Network()
    network.add_layer(ConvInputLayer((5, 5, 2), name="inputs"), input=True)
    conv = ConvLIFLayer(
        network.layers[0], (2, 2, 3), 0.1, 0.05, 0.05, lambda *s: rng.uniform(-0.3, 1.0, s), 50, name="conv"
    )
    pooled = PoolingLayer(conv, name="pooled")
    dense = LIFLayer(
        pooled, 0.1, 0.1, 0.1, lambda *s: rng.uniform(-0.2, 1.0, s), 200, n_neurons=n_neurons, name="dense"
    )
    for layer in (conv, pooled, dense):
        network.add_layer(layer)
    return network


def unnamed_network(layers):
    network = Network()
    network.add_layer(InputLayer(2), input=True)
    for _ in range(layers):
        network.add_layer(LIFLayer(network.layers[-1], 0.1, 0.1, 0.1, n_neurons=2))
    return network


def weights_of(network):
    return {layer.name: to_numpy(layer.weights) for layer in network.layers if layer.weights is not None}


def assert_same_weights(one, other):
    assert {name: weights.shape for name, weights in weights_of(one).items()} == STORED
    for name, weights in weights_of(one).items():
        np.testing.assert_array_equal(weights, weights_of(other)[name])


def test_stored_weights_are_restored_to_the_bit(tmp_path, random_trains):
    network, other = network_of(1), network_of(2)
    network.store(tmp_path / "deep" / "down")
    other.restore(tmp_path / "deep" / "down")
    assert_same_weights(other, network)
    trains = random_trains(np.random.default_rng(3), 2, 50, 1, np.float32)
    for each in (network, other):
        each.forward(*trains, max_simulation=0.3)
    assert network.output_spike_trains[1].any()
    np.testing.assert_array_equal(network.output_spike_trains[0], other.output_spike_trains[0])


def test_weights_of_the_gpu_are_stored_and_restored(cuda, tmp_path):
    network, other = network_of(1), network_of(2)
    network.store(tmp_path)
    other.restore(tmp_path)
    assert_same_weights(other, network)


def test_weights_that_are_not_there_or_not_ours_are_refused_in_words(tmp_path):
    network = network_of(1)
    with pytest.raises(
        FileNotFoundError, match=r"holds neither weights\.safetensors, which Network\.store writes, nor all"
    ):
        network.restore(tmp_path)
    network_of(1, n_neurons=7).store(tmp_path)
    with pytest.raises(ValueError, match="weights of layer 'dense' have shape"):
        network.restore(tmp_path)
    unnamed_network(layers=1).store(tmp_path)
    with pytest.raises(ValueError, match=r"holds the layers \['layer_1'\] but the network has"):
        network.restore(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"weights\.safetensors is not what Network\.store writes, or not all of it"):
        network.restore(tmp_path)


def test_weights_that_do_not_all_fit_change_no_layer(tmp_path):
    network_of(0, n_neurons=5).store(tmp_path)
    network, as_it_was = network_of(1), network_of(1)
    with pytest.raises(ValueError, match=r"weights of layer 'dense' have shape \(5, 12\)"):
        network.restore(tmp_path)
    assert_same_weights(network, as_it_was)


def test_two_layers_of_one_name_cannot_be_stored(tmp_path):
    network = Network()
    network.add_layer(InputLayer(2), input=True)
    for _ in range(2):
        network.add_layer(LIFLayer(network.layers[-1], 0.1, 0.1, 0.1, n_neurons=2, name="twin"))
    with pytest.raises(ValueError, match="two layers are called 'twin'"):
        network.store(tmp_path)


def test_weights_that_bats_stored_are_restored_and_then_stored_as_ours(tmp_path):
    stored, network, other = network_of(1), network_of(2), network_of(3)
    for name, weights in weights_of(stored).items():
        np.save(tmp_path / f"{name}_weights.npy", weights)
    network.restore(tmp_path)
    assert_same_weights(network, stored)
    network.store(tmp_path)
    for name in STORED:
        (tmp_path / f"{name}_weights.npy").unlink()
    other.restore(tmp_path)
    assert_same_weights(other, stored)


def test_a_layer_without_a_file_of_bats_is_not_left_as_it_is_in_silence(tmp_path):
    network = network_of(1)
    np.save(tmp_path / "conv_weights.npy", weights_of(network)["conv"])
    with pytest.raises(FileNotFoundError, match=r"one a layer: dense_weights\.npy not found; pass the directory that"):
        network.restore(tmp_path)
    np.save(tmp_path / "dense_weights.npy", np.ones((3, 7)))
    with pytest.raises(ValueError, match="weights of layer 'dense' have shape"):
        network.restore(tmp_path)
    (tmp_path / "dense_weights.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"dense_weights\.npy is not the array of weights that BATS stores"):
        network.restore(tmp_path)


def test_layers_without_a_name_cannot_be_told_apart_in_files_of_bats(tmp_path):
    np.save(tmp_path / "_weights.npy", np.eye(2))
    network = unnamed_network(layers=1)
    network.restore(tmp_path)
    np.testing.assert_array_equal(network.layers[1].weights, np.eye(2))
    with pytest.raises(ValueError, match="several layers have no name, whose weights BATS would keep in one file"):
        unnamed_network(layers=2).restore(tmp_path)


def test_single_layers_are_stored_in_the_files_of_bats_and_restored_by_layer_or_network(tmp_path):
    stored, by_layer, by_network = network_of(1), network_of(2), network_of(3)
    directory = tmp_path / "deep" / "down"
    for layer in stored.layers:
        layer.store(directory)
    assert sorted(path.name for path in directory.iterdir()) == [f"{name}_weights.npy" for name in STORED]
    for layer in by_layer.layers:
        layer.restore(str(directory))
    by_network.restore(directory)
    assert_same_weights(by_layer, stored)
    assert_same_weights(by_network, stored)


def test_weights_of_a_single_layer_that_are_not_there_or_do_not_fit_are_refused_in_words(tmp_path):
    _, conv, pooled, dense = network_of(1).layers
    pooled.restore(tmp_path)  # it has none
    with pytest.raises(FileNotFoundError, match=r"dense_weights\.npy not found: pass the directory that was given"):
        dense.restore(tmp_path)
    np.save(tmp_path / "conv_weights.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"weights of layer 'conv' have shape \(3, 3\)"):
        conv.restore(tmp_path)
    (tmp_path / "conv_weights.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"conv_weights\.npy is not the array of weights that BATS stores"):
        conv.restore(tmp_path)
