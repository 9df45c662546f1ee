"""A layer's own store and restore, as BATS has them."""

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, LIFLayer, PoolingLayer


def layers_of(seed):
    rng = np.random.default_rng(seed)
    inputs = ConvInputLayer((5, 5, 2), name="inputs")
    conv = ConvLIFLayer(inputs, (2, 2, 3), 0.1, 0.1, 0.1, lambda *shape: rng.normal(size=shape), name="conv")
    pooled = PoolingLayer(conv, name="pooled")
    dense = LIFLayer(pooled, 0.1, 0.1, 0.1, lambda *shape: rng.normal(size=shape), n_neurons=4, name="dense")
    return inputs, conv, pooled, dense


def test_layers_are_stored_one_by_one_in_the_files_of_bats_and_restored_by_layer_or_network(tmp_path):
    directory, layers = tmp_path / "deep" / "down", layers_of(1)
    for layer in layers:
        layer.store(directory)
    assert sorted(path.name for path in directory.iterdir()) == ["conv_weights.npy", "dense_weights.npy"]
    np.testing.assert_array_equal(np.load(directory / "conv_weights.npy"), layers[1].weights)
    one_by_one, network = layers_of(2), Network()
    for layer in one_by_one:
        layer.restore(str(directory))
    together = layers_of(3)
    for layer in together:
        network.add_layer(layer, input=layer is together[0])
    network.restore(directory)
    for restored in (one_by_one, together):
        for layer, stored in zip(restored, layers, strict=True):
            if stored.weights is not None:
                np.testing.assert_array_equal(layer.weights, stored.weights)


def test_weights_that_are_not_there_or_do_not_fit_are_refused_in_words(tmp_path):
    _, conv, pooled, dense = layers_of(4)
    with pytest.raises(FileNotFoundError, match=r"dense_weights\.npy not found: pass the directory that was given"):
        dense.restore(tmp_path)
    pooled.restore(tmp_path)  # it has none
    np.save(tmp_path / "conv_weights.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"weights of layer 'conv' have shape \(3, 3\)"):
        conv.restore(tmp_path)
    (tmp_path / "conv_weights.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"conv_weights\.npy is not the array of weights that BATS stores"):
        conv.restore(tmp_path)
