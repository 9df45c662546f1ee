"""Synapses behind each neuron, counted one by one."""

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="descriptions need torch and lava-dl")

import torch

from lava_dt import Timestep, cuba
from lava_dt.export.blocks import describe
from runs.deploy.fan_out import fan_outs

NEURON = {"threshold": 1.0, "current_decay": 0.25, "voltage_decay": 0.03, "timestep": Timestep()}


def test_the_fan_out_is_the_number_of_neurons_that_one_spike_changes():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        cuba.Conv(NEURON, 2, 3, 3, padding=1, stride=2),
        cuba.Pool(NEURON, 2),
        cuba.Flatten(),
        cuba.Dense(NEURON, 12, 5),
        cuba.Recurrent(NEURON, 5, 4),
    )
    net.eval()(torch.zeros(1, 2, 8, 8, 1))
    with torch.no_grad():
        net[3].synapse.weight[0, :3] = 0
    description = describe(net)
    found = fan_outs(description, (2, 8, 8))
    assert [len(counts) for counts in found] == [128, 48, 12, 5, 4]
    kernel = torch.from_numpy((description.layers[0].weight != 0).astype(np.float32))
    for neuron in (0, 9, 63, 64, 127):
        one = torch.zeros(128)
        one[neuron] = 1
        reached = torch.nn.functional.conv2d(one.reshape(1, 2, 8, 8), kernel, padding=1, stride=2)
        assert found[0][neuron] == int(reached.sum())
    assert np.array_equal(found[1], np.ones(48))
    assert np.array_equal(found[2], np.count_nonzero(description.layers[3].weight, axis=0))
    assert found[2][:3].max() <= 4
    recurrent = description.layers[4]
    assert np.array_equal(found[3], np.count_nonzero(recurrent.weight, axis=0))
    assert np.array_equal(found[4], np.count_nonzero(recurrent.weight_rec, axis=0))
