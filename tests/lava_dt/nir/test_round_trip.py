"""Networks of ours as NIR graphs and back: every spike and weight, and what a graph says in seconds."""

from __future__ import annotations

import pytest
import torch

nir = pytest.importorskip("nir", reason="the nir extra is not installed")

import numpy as np  # noqa: E402

import lava_dt  # noqa: E402
from lava_dt import Timestep  # noqa: E402
from lava_dt.block import cuba  # noqa: E402
from lava_dt.nir import NIRError, from_nir, to_nir  # noqa: E402

TIMESTEPS = [
    Timestep(),
    Timestep(4),
    Timestep(10, scheme="exponential", gain="integral"),
    Timestep(3, clock="coarse", scheme="backward_euler", gain="integral"),
    Timestep(2, scheme="bilinear", gain="integral"),
    Timestep(8, saturate=True),
    Timestep(2, clock="coarse", reset="soft"),
]


def recording(timestep: Timestep, *neurons: int) -> torch.Tensor:
    spikes = (torch.rand(2, *neurons, 60) < 0.15).float()
    return spikes if timestep.held else lava_dt.rebin(spikes, timestep.dt)


def dense(p):
    first = cuba.Dense(p, 24, 20, weight_scale=4, weight_norm=True, delay=True)
    return torch.nn.Sequential(first, cuba.Dense({**p, "scale": 100}, 20, 10, weight_scale=4), cuba.Average(5)), (24,)


def recurrent(p):
    layers = cuba.Recurrent(p, 24, 20, weight_scale=4), cuba.Affine(p, 20, 5, weight_scale=4)
    layers[0].neuron.persistent_state = False
    return torch.nn.Sequential(*layers), (24,)


def convolution(p):
    return torch.nn.Sequential(
        cuba.Input({**p, "threshold": 0.5}, weight=1.5),
        cuba.Conv({**p, "shared_param": False}, 2, 4, (3, 5), padding=(1, 2), weight_scale=4, delay=True),
        cuba.Pool({**p, "threshold": 0.5}, 2, weight_scale=1.5),
        cuba.Conv(p, 4, 4, 3, groups=2, padding=2, dilation=2, weight_scale=4, delay_shift=False),
        cuba.Flatten(),
        cuba.Dense(p, 64, 5, weight_scale=4, pre_hook_fx=None),
    ), (2, 8, 8)


@pytest.mark.parametrize("timestep", TIMESTEPS, ids=str)
@pytest.mark.parametrize("build", [dense, recurrent, convolution])
def test_a_round_trip_through_a_file_gives_the_network_back(build, timestep, parameters, tmp_path):
    net, shape = build({**parameters, "timestep": timestep})
    spikes = recording(timestep, *shape)
    with torch.no_grad():
        net(spikes)  # draws delays and decays
        expected = net(spikes)
        graph = to_nir(net, "0.5 ms", input_shape=shape, soft_reset="metadata")
        nir.write(tmp_path / "net.nir", graph)
        back = from_nir(tmp_path / "net.nir")
        again = to_nir(back, "0.5 ms", input_shape=shape, soft_reset="metadata")
        assert expected.abs().sum() > 0
        assert torch.equal(back(spikes), expected)
    assert [type(block) for block in back] == [type(block) for block in net]
    assert back[0].timestep == timestep
    for name, node in graph.nodes.items():
        if hasattr(node, "weight"):
            assert np.array_equal(again.nodes[name].weight, node.weight), name


def test_plain_lava_dl_networks_go_out_too(parameters):
    from lava.lib.dl.slayer.block import cuba as upstream

    net = torch.nn.Sequential(upstream.Dense(parameters, 24, 20, weight_scale=4))
    spikes = recording(Timestep(), 24)
    with torch.no_grad():
        assert torch.equal(from_nir(to_nir(net))(spikes), net(spikes))


def test_the_graph_speaks_of_seconds(parameters):
    net = torch.nn.Sequential(cuba.Dense(parameters, 3, 2, delay=True))
    net[0].delay.delay.data, net[0].delay.init = torch.tensor([5.5, 0.0]), True
    graph = to_nir(net, "2 ms")
    node = graph.nodes["layer0_neuron"]
    decay = 4096 * 0.03  # lava-dl keeps it in float32
    assert np.allclose(node.tau_syn, 2e-3 / 0.25) and np.allclose(node.tau_mem, 2e-3 * 4096 / decay)
    assert np.allclose(node.w_in, 4) and np.allclose(node.r, 1 / 0.03)  # a spike adds its weight, once
    assert node.v_threshold.tolist() == [1.25, 1.25] and node.v_reset.tolist() == [0, 0]
    assert graph.nodes["layer0_delay"].delay.tolist() == [0.01, 0]
    assert graph.metadata["lava_dt"]["step"] == 2e-3 and graph.metadata["lava_dt"]["dt"] == 1


def test_a_coarser_graph_keeps_its_time_constants(parameters):
    timestep = Timestep(10, clock="coarse", scheme="exponential", gain="integral")
    node = to_nir([cuba.Dense({**parameters, "timestep": timestep}, 3, 2)]).nodes["layer0_neuron"]
    assert np.allclose(node.tau_syn, -1e-3 / np.log(0.75))
    assert np.allclose(node.w_in, 1 / (1 - 0.75**10))


def test_a_graph_simulated_by_its_own_equations_gives_the_spikes_of_the_blocks(parameters):
    """CubaLIF in float64, forward Euler at the graph's step; decays and weights that integers have."""
    net = [cuba.Dense({**parameters, "voltage_decay": 128 / 4096}, 24, 20, weight_scale=4, delay_shift=False)]
    graph, spikes = to_nir(net, 1e-3), recording(Timestep(), 24)
    weight, node = graph.nodes["layer0_weight"].weight, graph.nodes["layer0_neuron"]
    current = voltage = np.zeros((2, 20))
    out = []
    for step in np.moveaxis(spikes.numpy(), -1, 0):
        current = current + 1e-3 / node.tau_syn * (-current + node.w_in * (step @ weight.T))
        voltage = voltage + 1e-3 / node.tau_mem * (node.v_leak - voltage + node.r * current)
        out.append(voltage > node.v_threshold)
        voltage = np.where(out[-1], node.v_reset, voltage)
    with torch.no_grad():
        ours = net[0](spikes).numpy()
    differing = int((np.stack(out, -1) != ours).sum())
    assert ours.sum() > 100 and differing <= 0.02 * ours.sum()  # integer states lose up to 1/4096 a step


def test_what_happens_between_grid_steps_comes_back_too(parameters):
    dropping = Timestep(2, between="drop")
    net = torch.nn.Sequential(cuba.Dense({**parameters, "timestep": dropping}, 24, 20, weight_scale=4))
    spikes = recording(dropping, 24)
    with torch.no_grad():
        back = from_nir(to_nir(net))
        assert net(spikes).sum() > 0
        assert torch.equal(back(spikes), net(spikes))
    assert back[0].timestep == dropping


def test_another_timestep_is_what_discretize_makes_of_it(parameters):
    net = torch.nn.Sequential(cuba.Dense(parameters, 24, 20, weight_scale=4))
    coarser = Timestep(4, scheme="exponential", gain="integral")
    spikes = recording(Timestep(), 24)
    with torch.no_grad():
        back = from_nir(to_nir(net), coarser)
        assert torch.equal(back(spikes), lava_dt.discretize(net, coarser)(spikes))


def test_instantaneous_currents_are_lif_and_leakless_ones_if(parameters):
    exponential = {**parameters, "current_decay": 1.0, "timestep": Timestep(scheme="exponential")}
    assert isinstance(to_nir([cuba.Dense(exponential, 3, 2)]).nodes["layer0_neuron"], nir.LIF)
    perfect = {**parameters, "current_decay": 1.0, "voltage_decay": 0.0}
    net = [cuba.Dense(perfect, 24, 20, weight_scale=4)]
    graph = to_nir(net)
    assert isinstance(graph.nodes["layer0_neuron"], nir.IF)
    spikes = recording(Timestep(), 24)
    with torch.no_grad():
        assert torch.equal(from_nir(graph)(spikes), net[0](spikes))


REFUSALS = {
    "soft reset": (
        lambda p: cuba.Dense({**p, "timestep": Timestep(reset="soft")}, 3, 2),
        r"layer 0 \(Dense\) has a soft reset, and NIR's neurons are set to a potential",
    ),
    "no node": (lambda p: cuba.KWTA(p, 3, 3, 1), r"layer 0 \(KWTA\) has no NIR node"),
    "norm": (
        lambda p: cuba.Dense({**p, "norm": lava_norm()}, 3, 2),
        r"layer 0 \(Dense\): its neurons normalise their current \(MeanOnlyBatchNorm\)",
    ),
    "graded": (lambda p: cuba.Dense({**p, "graded_spike": True}, 3, 2), r"layer 0 \(Dense\): .* graded spikes"),
    "no leak": (lambda p: cuba.Dense({**p, "current_decay": 0.0}, 3, 2), r"layer 0 \(Dense\): .* a decay of 0"),
    "delays not drawn": (lambda p: cuba.Dense(p, 3, 2, delay=True), r"has not drawn its delays yet: run the network"),
    "shape": (lambda p: cuba.Conv(p, 2, 4, 3), r"layer 0 \(Conv\) does not tell its input's shape: pass input_shape="),
    "input bias": (lambda p: cuba.Input(p, bias=1.0), r"layer 0 \(Input\)"),
}


def lava_norm():
    from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

    return MeanOnlyBatchNorm


@pytest.mark.parametrize("case", REFUSALS)
def test_what_nir_cannot_say_is_refused_by_the_layers_name(case, parameters):
    build, message = REFUSALS[case]
    with pytest.raises(NIRError, match=message):
        to_nir([build(parameters)])


def test_layers_of_different_timesteps_are_refused(parameters):
    net = [cuba.Dense(parameters, 3, 2), cuba.Dense({**parameters, "timestep": Timestep(2)}, 2, 2)]
    with pytest.raises(NIRError, match=r"layer 1 \(Dense\) has Timestep\(dt=2.*a graph has one"):
        to_nir(net)
