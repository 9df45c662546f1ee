"""BATS's maps as lava-dl's images, and pooling folded into the layer above: the same sums of spikes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bats_dt import Network
from bats_dt.layers import ConvInputLayer, ConvLIFLayer, InputLayer, LIFLayer, PoolingLayer
from lava_dt.export.bats.layers import connected


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def network_of(*makers):
    network, below = Network(), None
    for maker in makers:
        below = maker(below)
        network.add_layer(below, input=isinstance(below, InputLayer))
    return network


def image(x, y, channels):
    return lambda below: ConvInputLayer((x, y, channels), name="input")


def conv(fx, fy, n):
    return lambda below: ConvLIFLayer(below, (fx, fy, n), 0.1, 1, 1, drawn, dtype=np.float64, name="conv")


def pool(below):
    return PoolingLayer(below, name="pool")


def dense(n):
    return lambda below: LIFLayer(below, 0.1, 1, 1, drawn, n_neurons=n, dtype=np.float64, name="dense")


def pooled(spikes):
    x, y = (n // 2 * 2 for n in spikes.shape[:2])
    spikes = spikes[:x, :y]
    return spikes[::2, ::2] + spikes[1::2, ::2] + spikes[::2, 1::2] + spikes[1::2, 1::2]


def convolved(weights, spikes):
    """As `ConvLIFLayer` documents it: the weight from (x, y, c) to (ox, oy, f) is weights[f, x - ox, y - oy, c]."""
    n, fx, fy, _ = weights.shape
    out = np.zeros((spikes.shape[0] - fx + 1, spikes.shape[1] - fy + 1, n))
    for ox, oy in np.ndindex(out.shape[:2]):
        out[ox, oy] = (weights * spikes[ox : ox + fx, oy : oy + fy]).sum((1, 2, 3))
    return out


@pytest.mark.parametrize(("pools", "x", "y"), [(0, 6, 5), (1, 8, 12), (1, 9, 13), (2, 15, 17)])
def test_a_convolution_behind_poolings_is_one_with_repeated_weights_and_a_stride(pools, x, y):
    network = network_of(image(x, y, 2), *[pool] * pools, conv(2, 3, 4))
    shape, (found,) = connected(network)
    spikes = np.random.default_rng(1).integers(0, 3, (x, y, 2)).astype(float)
    given = torch.from_numpy(spikes.transpose(2, 0, 1))
    assert shape == given.shape
    assert found.stride == 2**pools
    made = torch.nn.functional.conv2d(given[None], torch.from_numpy(found.weight), stride=found.stride)[0]
    assert found.shape == made.shape
    for _ in range(pools):
        spikes = pooled(spikes)
    wanted = convolved(network.layers[-1].weights, spikes)
    np.testing.assert_allclose(made.numpy().transpose(1, 2, 0), wanted, atol=1e-12)


@pytest.mark.parametrize(("pools", "x", "y"), [(0, 6, 5), (1, 8, 12), (1, 9, 13), (2, 15, 17)])
def test_a_dense_layer_behind_poolings_of_images_has_repeated_weights(pools, x, y):
    network = network_of(image(x, y, 1), conv(1, 1, 3), *[pool] * pools, dense(7))
    _, (_, found) = connected(network)
    spikes = np.random.default_rng(1).integers(0, 3, (x, y, 3)).astype(float)
    made = found.weight @ spikes.transpose(2, 0, 1).reshape(-1)  # flattened channel by channel, as lava-dl does
    assert found.flatten
    for _ in range(pools):
        spikes = pooled(spikes)
    np.testing.assert_allclose(made, network.layers[-1].weights @ spikes.reshape(-1), atol=1e-12)


def test_a_dense_layer_on_an_input_map_takes_its_neurons_in_bats_order():
    network = network_of(image(5, 4, 2), pool, dense(3))
    shape, (found,) = connected(network)
    spikes = np.random.default_rng(1).integers(0, 3, (5, 4, 2)).astype(float)
    assert shape == (40,)
    assert not found.flatten
    wanted = network.layers[-1].weights @ pooled(spikes).reshape(-1)
    np.testing.assert_allclose(found.weight @ spikes.reshape(-1), wanted, atol=1e-12)


def test_a_chain_of_dense_layers_keeps_its_weights():
    network = network_of(lambda _: InputLayer(4), dense(3), dense(2))
    shape, found = connected(network)
    assert shape == (4,)
    for layer, wanted in zip(found, network.layers[1:], strict=True):
        np.testing.assert_array_equal(layer.weight, wanted.weights)


def test_networks_without_neurons_to_export_are_refused():
    with pytest.raises(TypeError, match=r"network is 3: pass a bats_dt\.Network"):
        connected(3)
    with pytest.raises(ValueError, match="the network has no input layer at its bottom"):
        connected(Network())
    with pytest.raises(ValueError, match="layer 'pool' is the last layer of the network, but it has no neurons"):
        connected(network_of(image(6, 6, 1), conv(2, 2, 1), pool))
    with pytest.raises(ValueError, match="layer 'input' is the last layer of the network, but it has no neurons"):
        connected(network_of(image(6, 6, 1)))
