"""The trained network and its Lava process compute the same integers, and `verify` notices when they do not."""

from __future__ import annotations

import lava_dt
import torch
from lava_dt.block import cuba


def test_a_network_of_two_layers_spikes_in_lava_as_trained(parameters, spikes) -> None:
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 30, weight_scale=4), cuba.Dense(parameters, 30, 5, weight_scale=4)
    )
    net(spikes)
    report = lava_dt.export.verify(net, spikes[:2])
    assert report.identical
    assert report.spikes > 100
