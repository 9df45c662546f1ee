"""Networks brought to a coarser step by a rule: all or nothing, the same each time."""

import copy
import dataclasses

import pytest
import torch

import lava_dt
from lava_dt import Timestep
from lava_dt.block import cuba
from lava_dt.conversion import RULES, convert, record

X = (torch.rand(6, 40, 64, generator=torch.Generator().manual_seed(7)) < 0.1).float()


def network(parameters, delay=True, **options):
    torch.manual_seed(3)
    blocks = [
        cuba.Dense({**parameters, **options}, 40, 30, weight_scale=4, weight_norm=True, delay=delay),
        cuba.Dense({**parameters, **options}, 30, 10, weight_scale=4),
    ]
    net = torch.nn.Sequential(*blocks).eval()
    with torch.no_grad():
        net(X)
        if delay:
            blocks[0].delay.delay.data = torch.arange(30.0) * 0.9
    return net


def warm(block):
    block(X)
    return block


def held(net):
    return [
        (b.timestep, type(b), b.neuron._threshold, b.neuron.tau_rho, b.delay and b.delay.delay.tolist()) for b in net
    ]


@pytest.mark.parametrize("name", RULES)
def test_a_converted_network_runs_is_the_same_each_time_and_has_the_thresholds_that_it_tells(parameters, name):
    nets = [network(parameters) for _ in range(2)]
    told = [convert(net, 4, name, record(net, [X])) for net in nets]
    outputs = [net(lava_dt.rebin(X, 4)) for net in nets]
    assert str(told[0]) == str(told[1]) and torch.equal(*outputs)
    for layer, block in zip(told[0].layers, nets[0], strict=True):
        assert layer.threshold_after == block.neuron.v_th_mant and layer.threshold_before == 80
        assert layer.current_decay == (block.neuron.cx_current_decay,) * 2
    assert told[0].dt == 4 and nets[0][0].timestep.clock == "coarse"


def test_a_rule_with_the_gain_of_a_timestep_is_discretize(parameters):
    for name, scheme, gain in (
        ("step-invariant", "exponential", "integral"),
        ("backward-euler", "backward_euler", "integral"),
        ("tau-scaling", "forward_euler", "charge"),
    ):
        ours, theirs = network(parameters), network(parameters)
        convert(ours, 4, name)
        lava_dt.discretize(theirs, Timestep(4, clock="coarse", scheme=scheme, gain=gain, saturate=True))
        assert torch.equal(ours(lava_dt.rebin(X, 4)), theirs(lava_dt.rebin(X, 4)))


def test_the_gain_of_impulse_invariance_divides_the_threshold(parameters):
    net = network(parameters)
    told = convert(net, 8, RULES["impulse-invariant"])
    gain = (0.97**8 - 0.75**8) / (0.97 - 0.75)
    assert told.layers[0].gain == pytest.approx(gain, rel=1e-3)  # decays are 12-bit numbers
    assert told.layers[0].threshold_after == round(80 / gain)


def test_the_surrogate_stays_as_wide_relative_to_the_threshold(parameters):
    net = network(parameters)
    neuron = net[0].neuron
    before = float(neuron.surrogate_width) / int(neuron.level)
    told = convert(net, 8, "backward-euler+matched", record(net, [X]))
    assert told.layers[0].factor != 1
    # level and threshold are rounded to integers
    assert float(neuron.surrogate_width) / int(neuron.level) == pytest.approx(before, rel=0.03)


def test_the_reset_stays_and_both_clocks_get_the_same_network(parameters):
    nets = [network(parameters) for _ in range(2)]
    for net in nets:
        lava_dt.discretize(net, Timestep(reset="soft"))
    responses = record(nets[0], [X])
    for net, clock in zip(nets, ("coarse", "held"), strict=True):
        told = convert(net, 4, "step-invariant+matched", responses, clock=clock)
        assert told.timestep.reset == "soft" and told.timestep.clock == clock
    coarse, fine = nets[0](lava_dt.rebin(X, 4)), nets[1](X)
    assert nets[0][1].neuron.v_th_mant == nets[1][1].neuron.v_th_mant
    assert coarse.sum() > 0 and torch.equal(coarse, lava_dt.rebin(fine, 4))


def test_a_rule_with_a_soft_reset_brings_it_along(parameters):
    net = network(parameters)
    told = convert(net, 4, "step-invariant+matched+soft", record(net, [X]))
    assert told.timestep.reset == "soft" and {block.timestep.reset for block in net} == {"soft"}
    assert "Loihi's own LIF resets to 0" in told.notes[-1] and told.notes[-1] in str(told)


def test_saturated_decays_are_said(parameters):
    told = convert(network(parameters), 8, "tau-scaling")
    assert told.saturated and told.layers[0].saturated == ("current_decay",)
    assert "Dense 0: current_decay is beyond forward_euler and held at 1" in str(told)
    assert not convert(network(parameters), 8, "step-invariant").saturated


def test_nearest_delays_arrive_earlier_or_at_the_same_step(parameters):
    up, near = network(parameters), network(parameters)
    convert(up, 8, "backward-euler")
    told = convert(near, 8, dataclasses.replace(RULES["backward-euler"], delays="nearest"))
    assert told.layers[0].delays_moved > 0 and told.layers[1].delays_moved == 0
    assert bool((near[0].delay.delay <= up[0].delay.delay).all())


def test_either_everything_is_converted_or_nothing(parameters, monkeypatch):
    net = network(parameters)
    responses, before = record(net, [X]), held(net)
    from lava_dt.conversion import threshold_matching

    monkeypatch.setattr(threshold_matching, "difference_kept", lambda *_: 1 / 0)
    rule = dataclasses.replace(RULES["backward-euler+matched"], delays="nearest")
    with pytest.raises(ZeroDivisionError):
        convert(net, 8, rule, responses)
    assert held(net) == before


def test_recording_leaves_the_network_as_it_was_and_takes_sparse_batches(parameters):
    net = network(parameters)
    net.train()
    state, kept = copy.deepcopy(net.state_dict()), held(net)
    dense, sparse = record(net, [X[:4], X[4:]]), record(net, (part.to_sparse() for part in (X[:4], X[4:])))
    assert len(dense) == 6 and dense.names == ("Dense 0", "Dense 1") and net.training and held(net) == kept
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    for ours, theirs in zip(dense.spikes, sparse.spikes, strict=True):
        assert all(torch.equal(a.to_dense(), b.to_dense()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("decay", [1.0, 0.99])
def test_a_neuron_that_forgets_within_a_bin_is_no_impulse_invariants(parameters, decay):
    net = network({**parameters, "current_decay": decay, "voltage_decay": decay})
    before = held(net)
    with pytest.raises(ValueError, match=r"Dense 0: at dt = 8 impulse-invariant leaves .* beyond the 17 bits of Loihi"):
        convert(net, 8, "impulse-invariant")
    assert held(net) == before
    convert(net, 8, "step-invariant")


REFUSED = {
    "dt 1": (
        lambda net: convert(net, 1, "bilinear"),
        ValueError,
        "dt is 1: a network is converted to 2 fine steps or more",
    ),
    "dt 2.5": (lambda net: convert(net, 2.5, "bilinear"), TypeError, "dt is 2.5: a Timestep counts fine steps"),
    "rule": (lambda net: convert(net, 2, "best"), ValueError, r"the rule 'best' is unknown: pass one of .*tau-scaling"),
    "rule type": (lambda net: convert(net, 2, 3), TypeError, "the rule is a int: pass one of lava_dt.conversion.RULES"),
    "no responses": (
        lambda net: convert(net, 2, "backward-euler+matched"),
        ValueError,
        r"no responses came: pass lava_dt.conversion.record\(net, batches\)",
    ),
    "responses type": (
        lambda net: convert(net, 2, "backward-euler+matched", [X]),
        TypeError,
        "the responses are a list: pass what lava_dt.conversion.record returned",
    ),
    "other network": (
        lambda net: convert(net[:1], 2, "backward-euler+matched", record(net, [X])),
        ValueError,
        "the responses are of the layers Dense 0, Dense 1, but the network has Dense 0",
    ),
    "other neurons": (
        lambda net: convert([warm(cuba.Dense(PLAIN, 40, 9)), net[1]], 2, "backward-euler+matched", record(net, [X])),
        ValueError,
        r"the responses of Dense 0 are of neurons of shape \(30,\), but the network's have \(9,\): record this",
    ),
    "twice": (
        lambda net: (convert(net, 2, "bilinear"), convert(net, 2, "bilinear")),
        ValueError,
        "Dense 0 steps by dt = 2 already: convert the network at its own step",
    ),
    "no sample": (lambda net: record(net, []), ValueError, "there is no sample to record"),
    "no tensor": (lambda net: record(net, [[1]]), TypeError, "batch 0 is a list: pass tensors"),
    "not drawn": (
        lambda net: record([cuba.Dense(PLAIN, 4, 3, delay=True)], [X]),
        ValueError,
        "Dense 0 has not drawn its delay yet: run the network once",
    ),
}
PLAIN = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03}


@pytest.mark.parametrize("call, error, says", REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_in_words(parameters, call, error, says):
    with pytest.raises(error, match=says):
        call(network(parameters))
