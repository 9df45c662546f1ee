"""What Loihi's limits make of a dt, told before training."""

from __future__ import annotations

import math

import pytest
import torch
from lava.lib.dl import slayer

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import feasible


@pytest.fixture
def net(parameters):
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 10, weight_scale=4, delay=True), cuba.Dense(parameters, 10, 5, weight_scale=4)
    )
    for block in net:
        block.synapse.weight.data.clamp_(-1, 1)[0, 0] = 1
    net[0].delay.delay.data, net[0].delay.init = torch.tensor([90.0]), True
    net[0].delay.max_delay = None
    return net


def test_the_registers_are_those_that_the_network_gets_at_that_dt(net) -> None:
    step = lava_dt.Timestep(4, clock="coarse", scheme="exponential", gain="integral")
    told = feasible(net, 4)
    assert told.timestep == step
    lava_dt.discretize(net, step)
    neuron, layer = net[0].neuron, told.layers[0]
    assert [row.register for row in layer.decays] == [neuron.cx_current_decay, neuron.cx_voltage_decay]
    assert layer.threshold.mantissa == neuron.v_th_mant
    assert layer.delay == math.ceil(91 / 4) - 1
    assert layer.weight == 64
    assert told.possible
    assert str(told).endswith("everything fits")


def test_each_limit_is_told_with_what_to_do(net) -> None:
    step = lava_dt.Timestep(1)
    assert feasible(net, step).problems == (
        "layer 0 (Dense) has a delay of 90 fine steps, 90 of dt, and Loihi takes 62: dt >= 2 does",
    )
    euler = lava_dt.Timestep(8, clock="coarse")
    assert "which forward_euler makes 2 at dt=8: a step loses everything at most" in str(feasible(net, euler))
    charge = lava_dt.Timestep(10, clock="coarse", scheme="exponential")
    net[0].synapse.weight.data[0, 0] = 2
    assert "needs weights up to 422.9 to keep its response under gain='charge'" in str(feasible(net, charge))
    net[1].neuron.voltage_decay.data[:] = 0.2
    assert "which 12 bits round to no leak: use a larger dt" in str(feasible(net, 2))
    net[1].neuron.voltage_decay.data[:] = 0.01 * 4096
    net[1].neuron.current_decay.data[:] = 0.5
    assert "layer 1 (Dense) has a current that can reach" in str(feasible(net, 2))


def test_lava_dls_blocks_of_every_kind_need_not_have_run(parameters) -> None:
    blocks = slayer.block.cuba
    own = {**parameters, "shared_param": False}
    net = [
        blocks.Input(parameters, weight=0.5),
        blocks.Conv(own, 2, 4, 3),
        blocks.Pool(parameters, 2),
        blocks.ConvT(parameters, 4, 2, 2),
        blocks.Flatten(),
        blocks.Recurrent(dict(parameters), 12, 5),
        blocks.Affine(parameters, 5, 2),
    ]
    told = feasible(net, lava_dt.Timestep(2, clock="coarse", scheme="exponential"))
    assert [layer.name for layer in told.layers][::5] == ["layer 0 (Input)", "layer 6 (Affine)"]
    assert len(told.layers[1].decays) == 4
    assert told.layers[-1].threshold is None
    assert str(told).count("current_decay") >= 7


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(TypeError, match="the network is a dict"):
        feasible({}, 4)
    with pytest.raises(ValueError, match="no layer with CuBa neurons"):
        feasible([torch.nn.Linear(2, 2)], 4)
    with pytest.raises(TypeError, match="timestep is '4'"):
        feasible([torch.nn.Linear(2, 2)], "4")


@pytest.mark.parametrize("hop", [True, False])
@pytest.mark.parametrize("fine", [63, 124, 125, 126, 1000])
def test_the_dt_that_is_named_for_a_long_delay_is_the_least_that_does(hop, fine, net) -> None:
    net[0].delay.delay.data[:], net[0].delay_shift = fine, hop
    (problem,) = feasible(net, lava_dt.Timestep()).problems
    least = int(problem.split("dt >= ")[1].split()[0])
    assert feasible(net, least).layers[0].delay <= 62 < feasible(net, least - 1).layers[0].delay
    net[0].delay.max_delay = 62.5
    assert feasible(net, lava_dt.Timestep()).layers[0].delay == 62
