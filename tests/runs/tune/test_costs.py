"""What an inference costs, counted by hand."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

import lava_dt
from runs.tune.arrays import ArraySamples
from runs.tune.costs import costs_of
from runs.tune.evaluation import evaluate

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03}


def count(spikes):
    return spikes.sum(-1).argmax(1)


def network(*sizes, delays=None, recurrent=False, weight=0.5, **timestep):
    """Fully connected blocks with one weight everywhere."""
    neuron = {**NEURON, "timestep": lava_dt.Timestep(**{"scheme": "exponential", "gain": "integral", **timestep})}
    kind = lava_dt.cuba.Recurrent if recurrent else lava_dt.cuba.Dense
    net = torch.nn.Sequential(
        *(
            (kind if i == 0 else lava_dt.cuba.Dense)(neuron, a, b, delay=delays is not None and i == 0)
            for i, (a, b) in enumerate(pairwise(sizes))
        )
    )
    with torch.no_grad():
        for block in net:
            for name in ("synapse", "input_synapse", "recurrent_synapse"):
                if hasattr(block, name):
                    getattr(block, name).weight.fill_(weight)
        net.eval()(torch.zeros(1, sizes[0], 2))
    if delays is not None:
        net[0].delay.delay.data = torch.tensor(delays)
    return net


def samples(spikes):
    spikes = np.asarray(spikes, np.uint8)
    return ArraySamples(name="made", spikes=spikes, labels=np.zeros(len(spikes), np.int64), step=1e-3)


def cost(net, shown, dt, fine_step=1e-3):
    found = evaluate(net, shown, np.arange(len(shown)), dt, count)
    return found, costs_of(net, found, dt, fine_step)


def test_a_small_network_costs_what_one_counts():
    spikes = np.zeros((2, 3, 10), int)
    spikes[0, 0, 1], spikes[0, 1, 2], spikes[0, 1, 3], spikes[1, 2, 9] = 1, 1, 2, 1
    found, fine = cost(network(3, 5, 4), samples(spikes), 1)
    hidden, output = found.spikes
    assert hidden > 0
    assert fine.steps == 10 and fine.neuron_updates == (5 + 4) * 10
    assert fine.synaptic_operations == 4 / 2 * 5 + hidden * 4  # 4 entries with spikes in 2 samples
    assert fine.effective_macs == 1 / 2 * 5 and fine.effective_acs == fine.synaptic_operations - 2.5
    assert fine.messages == 4 / 2 + hidden + output
    assert fine.activation_sparsity == pytest.approx(1 - (hidden + output) / 90)
    assert (fine.seconds, fine.granularity) == (pytest.approx(0.01), 1e-3)
    assert fine.per_second == pytest.approx(
        {
            "steps": 1000,
            "neuron_updates": 9000,
            "synaptic_operations": fine.synaptic_operations / 0.01,
            "messages": fine.messages / 0.01,
        }
    )


def test_spikes_that_share_a_bin_are_one_message_that_multiplies():
    spikes = np.zeros((1, 3, 10), int)
    spikes[0, 0, :4] = 1
    found, coarse = cost(network(3, 5, 4, weight=0.0625, dt=4, clock="coarse"), samples(spikes), 4)
    assert found.spikes == (0, 0) and (found.input_events, found.input_messages) == (4, 1)
    assert coarse.messages == 1 and coarse.synaptic_operations == coarse.effective_macs == 5
    assert coarse.steps == 3 and coarse.neuron_updates == 27


@pytest.mark.parametrize(
    ("dt", "steps", "delays", "wanted"),
    [
        (1, 10, None, 2),  # two hops
        (1, 10, [0.0, 3.9, 1.0, 0.0, 0.0], 5),  # and the floor of the longest delay
        (4, 12, None, 8),  # two hops of 4
        (4, 10, None, 10),  # and the rest of a bin of which 2 steps are input
        (4, 12, [0.0, 3.0, 1.0, 0.0, 0.0], 8),  # hop and delay together fit a bin: ceil((1 + 3) / 4)
        (4, 12, [0.0, 4.0, 1.0, 0.0, 0.0], 12),
    ],
)
def test_latency_is_the_slowest_way_from_the_end_of_the_input_to_the_answer(dt, steps, delays, wanted):
    net = network(3, 5, 4, delays=delays, dt=dt, clock="coarse")
    _, found = cost(net, samples(np.ones((1, 3, steps))), dt, 1e-3)
    assert found.latency == pytest.approx(wanted * 1e-3, abs=1e-12) and found.granularity == pytest.approx(dt * 1e-3)


@pytest.mark.parametrize("dt", [1, 4])
def test_the_last_input_reaches_the_answer_after_the_latency_and_not_before(dt):
    net = network(3, 5, 4, delays=[6.0] * 5, weight=3.5, dt=dt, clock="coarse")
    spikes = torch.zeros(1, 3, 40)
    spikes[..., 11] = 4  # the last of 12 steps of input
    _, found = cost(net, samples(np.zeros((1, 3, 12))), dt, 1e-3)
    with torch.no_grad():
        output = net(lava_dt.rebin(spikes, dt))
    bin_of_answer = output.sum((0, 1)).nonzero()[0].item()
    assert found.latency == pytest.approx((bin_of_answer * dt - (12 - dt)) * 1e-3, abs=1e-12)


def test_a_recurrent_layer_sends_to_itself_too():
    found, costs = cost(network(3, 5, 4, recurrent=True), samples(np.ones((1, 3, 8))), 1)
    hidden, output = found.spikes
    assert hidden > 0 and found.operations[1] == hidden * (5 + 4)
    assert costs.messages == found.input_messages + 2 * hidden + output


def test_costs_are_asked_for_of_the_network_that_was_evaluated():
    found = evaluate(network(3, 5, 4), samples(np.ones((1, 3, 8))), [0], 1, count)
    with pytest.raises(ValueError, match="the network is at dt = 2 and costs at dt = 1 were asked for"):
        costs_of(network(3, 5, 4, dt=2, clock="coarse"), found, 1, 1e-3)
    with pytest.raises(ValueError, match=r"the network has layer 0 \(dense\) but layer 0 \(dense\), layer 1 \(dense\)"):
        costs_of(network(3, 4), found, 1, 1e-3)
