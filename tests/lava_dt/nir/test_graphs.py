"""What graphs of others say: steps, subgraphs, poolings, delays, numbers of any size."""

from __future__ import annotations

import itertools

import pytest
import torch

nir = pytest.importorskip("nir", reason="the nir extra is not installed")

import numpy as np  # noqa: E402

from lava_dt import Timestep  # noqa: E402
from lava_dt.block import cuba  # noqa: E402
from lava_dt.nir import NIRError, from_nir, to_nir  # noqa: E402

ONES = nir.Linear(np.ones((2, 3)))


def chain(edges=None, shape=(3,), out=(2,), **named):
    nodes = {"input": nir.Input({"input": np.array(shape)}), **named, "output": nir.Output({"output": np.array(out)})}
    return nir.NIRGraph(nodes, edges or list(itertools.pairwise(nodes)), type_check=False)


def subgraph(n_in, n_out, *edges, **named):
    ports = {"input": nir.Input({"input": np.array([n_in])}), "output": nir.Output({"output": np.array([n_out])})}
    return nir.NIRGraph({**ports, **named}, list(edges), type_check=False)


def lif(n=2, **changed):
    values = {"tau": 8e-3, "r": 8.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **changed}
    return nir.LIF(**{key: np.full(n, value) for key, value in values.items()})


def integrator(n=2, r=1.0, threshold=1.0):
    return nir.IF(r=np.full(n, r), v_threshold=np.full(n, threshold), v_reset=np.zeros(n))


def spikes_of(network, spikes):
    with torch.no_grad():
        return network(spikes)


def without_metadata(graph):
    """The graph as a framework that knows nothing of lava_dt passes it on."""
    for node in graph.nodes.values():
        node.metadata = {}
    return nir.NIRGraph(graph.nodes, graph.edges, type_check=False)


def test_a_resistance_of_1_says_nothing_of_the_step():
    with pytest.warns(UserWarning, match="the graph does not say its step: 0.001 s was taken"):
        layer = from_nir(chain(a=ONES, b=lif(tau=0.02, r=1.0))).report.layers[0]
    assert layer.voltage_decay == pytest.approx(0.05)


@pytest.mark.parametrize("r", [1.0, 1000.0])
def test_an_if_neuron_adds_a_spikes_weight_once_in_its_step(r):
    network = from_nir(chain(a=nir.Linear(np.full((2, 3), 0.5)), b=integrator(r=r, threshold=0.9)))
    assert network.report.step == 1 / r
    spikes = torch.zeros(1, 3, 6)
    spikes[0, 0, 1:5] = 1
    assert spikes_of(network, spikes)[0, 0].tolist() == [0, 0, 1, 0, 1, 0]


def test_norse_adds_spikes_to_its_integrators_whole():
    network = from_nir(chain(a=ONES, b=integrator(threshold=1.5)), dt=1e-3, dialect="norse")
    assert spikes_of(network, torch.ones(1, 3, 3)).sum() == 6


def test_subgraphs_that_only_pass_on_are_nothing():
    passing = subgraph(3, 3, ("input", "output"))
    inner = subgraph(3, 3, ("input", "again"), ("again", "output"), again=passing)
    outer = chain(p=inner, a=ONES, b=lif())
    assert [type(block) for block in from_nir(outer)] == [cuba.Dense]


def test_feedback_around_a_subgraph_of_neurons_is_feedback():
    neurons = subgraph(2, 2, ("input", "n"), ("n", "output"), n=lif())
    edges = [("input", "a"), ("a", "s"), ("s", "w"), ("w", "s"), ("s", "output")]
    network = from_nir(chain(edges, a=ONES, s=neurons, w=nir.Linear(np.eye(2))))
    assert isinstance(network[0], cuba.Recurrent)


def test_a_pooling_that_leaves_pixels_out_is_worked_into_the_synapses_behind_it():
    generator = np.random.default_rng(0)
    images = (torch.rand(2, 2, 7, 9, 30) < 0.3).float()
    pool = nir.AvgPool2d(np.array([2, 3]), np.array([2, 3]), np.array([0, 0]))
    matrix, kernel = generator.normal(size=(5, 18)), generator.normal(size=(4, 2, 2, 2))
    pooled = torch.nn.functional.avg_pool2d(images.movedim(-1, 0).flatten(0, 1), (2, 3))
    wanted = {
        "matrix": pooled.flatten(1).double() @ torch.from_numpy(matrix.T),
        "kernel": torch.nn.functional.conv2d(pooled.double(), torch.from_numpy(kernel)).flatten(1),
    }
    flatten = nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1)
    conv = nir.Conv2d(None, kernel, 1, 0, 1, 1, np.zeros(4))
    graphs = {
        "matrix": chain(shape=(2, 7, 9), out=(5,), p=pool, f=flatten, a=nir.Linear(matrix), b=integrator(5)),
        "kernel": chain(shape=(2, 7, 9), out=(4, 2, 2), p=pool, a=conv, b=integrator((4, 2, 2))),
    }
    for name, graph in graphs.items():
        spikes = spikes_of(from_nir(graph, dt=1.0, quantise=False), images)
        voltage, expected = torch.zeros_like(wanted[name][:2]), []
        for step in wanted[name].reshape(30, 2, -1):
            voltage = voltage + step
            expected.append(voltage > 1)
            voltage = torch.where(expected[-1], 0.0, voltage)
        assert spikes.sum() > 100
        assert torch.equal(spikes.flatten(1, -2), torch.stack(expected, -1).float()), name


def test_delays_between_steps_end_with_the_step():
    graph = chain(a=ONES, b=lif(), d=nir.Delay(np.array([1.2e-3, 3e-3])))
    with pytest.warns(UserWarning, match=r"node 'd': delays were rounded up to whole steps, by up to 0.8 of one"):
        network = from_nir(graph)
    assert network[0].delay.delay.tolist() == [2, 3]


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_weights_of_any_size_keep_their_digits(size):
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(10, 8)).round(2)
    spikes = (torch.rand(2, 8, 50) < 0.3).float()
    here, there = (
        from_nir(chain(shape=(8,), out=(10,), a=nir.Linear(k * weight), b=lif(10, v_threshold=k)), quantise=False)
        for k in (1.0, size)
    )
    assert spikes_of(here, spikes).sum() > 100
    assert (spikes_of(here, spikes) != spikes_of(there, spikes)).sum() <= 2  # the threshold is cut to 20 bits
    assert abs(there.report.layers[0].threshold_error) < 1e-4


NETWORKS = {
    "delays": Timestep(5, clock="coarse", scheme="exponential"),
    "coarse": Timestep(3, clock="coarse", scheme="backward_euler"),
    "soft": Timestep(2, clock="coarse", reset="soft"),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_a_graph_of_ours_is_the_same_network_without_its_metadata(case, parameters):
    """At its own step, but for the hop that NIR's edges have not; states may be finer (`rounding.choose`)."""
    timestep = NETWORKS[case]
    layers = [
        cuba.Dense({**parameters, "timestep": timestep}, 24, 20, weight_scale=4, delay=True, delay_shift=False),
        cuba.Dense({**parameters, "timestep": timestep}, 20, 10, weight_scale=4, delay_shift=False),
    ]
    layers[0].delay.delay.data, layers[0].delay.init = torch.randint(0, 12, (20,)).float(), True
    net, spikes = torch.nn.Sequential(*layers), (torch.rand(4, 24, 80) < 0.2).float()
    graph = without_metadata(to_nir(net, "1 ms", soft_reset="metadata"))
    with pytest.warns(UserWarning, match="delays were rounded up"):
        back = from_nir(graph, Timestep(scheme=timestep.scheme, reset=timestep.reset), dt=1e-3 * timestep.dt)
    expected = spikes_of(net, spikes)
    assert expected.sum() > 200
    assert (spikes_of(back, spikes) != expected).sum() <= 0.005 * expected.numel()


def test_a_layer_that_lost_its_metadata_is_told(parameters):
    graph = to_nir(torch.nn.Sequential(cuba.Dense(parameters, 3, 2)))
    graph.nodes["layer0_neuron"].metadata = {}
    with pytest.warns(UserWarning, match=r"node 'layer0_neuron' has lost its lava_dt metadata"):
        network = from_nir(graph)
    assert not network[0].delay_shift


def test_a_reset_that_was_changed_beside_our_metadata_is_seen(parameters):
    graph = to_nir(torch.nn.Sequential(cuba.Dense(parameters, 3, 2)))
    graph.nodes["layer0_neuron"].v_reset = np.full(2, 0.5)
    with pytest.raises(NIRError, match=r"node 'layer0_neuron' resets to 0.5 and rests at 0"):
        from_nir(graph)


def huge(**named):
    return chain(shape=(1, 4096, 4096), out=(1,), **named)


POOL = nir.AvgPool2d(np.full(2, 4096), np.full(2, 4096), np.zeros(2, int))
REFUSALS = {
    "output": (
        chain(out=(7,), a=ONES, b=lif()),
        r"node 'output' has the shape array\(\[7\]\) and gets the shape",
    ),
    "one behind the output": (
        chain([("input", "a"), ("a", "output"), ("output", "b")], a=ONES, b=lif()),
        r"node 'output' is an Output and leads to 'b'",
    ),
    "names": (
        chain(**{"s": subgraph(3, 2, ("input", "a"), ("a", "output"), a=ONES), "s.a": lif()}),
        r"two nodes named 's.a' once its subgraphs are opened",
    ),
    "neurons": (
        chain(shape=(1 << 10, 1 << 10, 1 << 10), a=ONES),
        r"node 'input' makes a layer of shape \(1024, 1024, 1024\)",
    ),
    "pooled kernel": (
        huge(p=POOL, a=nir.Conv2d(None, np.ones((3, 1, 1, 1)), 1, 0, 1, 1, np.zeros(3)), b=lif(3)),
        r"node 'p' pools for synapses that would have more than 33554432 weights",
    ),
    "pooled matrix": (
        huge(p=POOL, f=nir.Flatten(None, 0, -1), a=nir.Linear(np.ones((3, 1))), b=lif(3)),
        r"node 'p' pools for synapses that would have more than 33554432 weights",
    ),
    "padded pixels": (
        chain(
            shape=(1, 5, 5),
            p=nir.SumPool2d(np.full(2, 2), np.full(2, 2), np.zeros(2, int)),
            a=nir.Conv2d(None, np.ones((1, 1, 3, 3)), 1, 1, 1, 1, np.zeros(1)),
            b=lif(1),
        ),
        r"node 'p' leaves out pixels at the end of the shape \(1, 5, 5\) and is followed by a convolution that pads",
    ),
    "many": (chain(**{f"n{i}": lif() for i in range(99)}, edges=[("input", "n0")]), r"'n12', 'n13' and 94 more"),
    "edges": (chain([3, ("input", "output")]), r"the graph has an edge 3 from or to a node that is not there"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_no_chain_of_blocks_computes_is_refused_in_words(case):
    graph, message = REFUSALS[case]
    with pytest.raises(NIRError, match=message):
        from_nir(graph, dt=1e-3)
