"""The matrix of a layer of images is what lava-dl's synapses do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lava_dt.block import cuba
from lava_dt.export.blocks import describe
from lava_dt.export.processes.weights import matrix

BLOCKS = {
    "conv": lambda p: cuba.Conv(p, 4, 6, (3, 2), stride=(1, 2), padding=(2, 0), dilation=(2, 1), groups=2),
    "conv of all channels": lambda p: cuba.Conv(p, 4, 3, 3, stride=2, padding=1),
    "pool": lambda p: cuba.Pool(p, (2, 3), weight_scale=2),
    "pool that does not divide": lambda p: cuba.Pool(p, (2, 4), weight_scale=2),
    "transposed conv": lambda p: cuba.ConvT(p, 4, 6, (3, 2), stride=(2, 3), padding=(1, 0), groups=2),
    "dilated transposed conv": lambda p: cuba.ConvT(p, 4, 3, 2, dilation=2, padding=1),
    "unpool": lambda p: cuba.Unpool(p, (2, 3), weight_scale=2),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS.keys())
def test_it_computes_what_the_synapses_do(make, parameters) -> None:
    block = make(parameters)
    images = torch.randint(0, 4, (1, 4, 7, 6, 5)).float()
    block(images)
    found = matrix(describe([block]).layers[0], (4, 7, 6))
    flat = images[0].permute(3, 2, 1, 0).reshape(5, -1).numpy()  # lava-nc's order: width, height, channel
    with torch.no_grad():
        expected = 64 * block.synapse(images)[0].permute(3, 2, 1, 0).reshape(5, -1).numpy()
    assert np.array_equal(flat @ found.toarray().T, expected)
    assert found.nnz == np.count_nonzero(found.toarray())


def test_a_layer_without_a_kernel_has_none(parameters) -> None:
    block = cuba.Dense(parameters, 4, 3)
    block(torch.zeros(1, 4, 2))
    with pytest.raises(ValueError, match=r"layer 0 \(dense\) has no kernel, of which a matrix could be made"):
        matrix(describe([block]).layers[0], (4, 1, 1))
