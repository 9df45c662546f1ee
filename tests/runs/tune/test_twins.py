"""Rules that make the same network: found before anything is matched, and exactly those."""

import copy

import pytest

torch = pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")

from lava_dt.conversion import RULES, convert, record  # noqa: E402
from runs.tune.twins import twins  # noqa: E402

UP, NEAREST = "backward-euler+matched", "backward-euler+matched+nearest"


def network(delays, current_decay=0.2):
    """Two layers, the first of two neurons with these delays in fine steps."""
    torch.manual_seed(2)
    neuron = {"threshold": 0.4, "current_decay": current_decay, "voltage_decay": 0.05, "tau_grad": 0.1, "scale_grad": 1}
    made = torch.nn.Sequential(
        lava_dt.cuba.Dense(dict(neuron), 4, 2, weight_scale=2, delay=True),
        lava_dt.cuba.Dense(dict(neuron), 2, 3, weight_scale=2),
    ).eval()
    with torch.no_grad():
        made(torch.zeros(1, 4, 1))
        made[0].delay.delay.copy_(torch.tensor(delays))
    return made


@pytest.mark.parametrize(("delays", "same"), [((3.0, 7.0), True), ((3.0, 4.0), False)])
def test_rounding_to_the_nearest_is_rounding_up_only_where_no_delay_moves(delays, same):
    made = network(delays)  # a hop of one more step: 4 and 8, or 4 and 5, which is nearer 4 than 8
    found = twins(lambda: copy.deepcopy(made), 4, tuple(RULES))
    assert (found[NEAREST] == UP) is same
    assert {rule for rule, first in found.items() if rule != first} - {NEAREST} == {"impulse-invariant"}
    assert found["impulse-invariant"] == "step-invariant"  # in so few integers their thresholds are the same


def test_twins_are_one_network_after_matching_too():
    made = network((3.0, 7.0))
    spikes = (torch.rand(6, 4, 32, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    responses = record(made, [spikes])
    outputs = []
    for rule in (UP, NEAREST):
        net = copy.deepcopy(made)
        convert(net, 4, rule, responses)
        with torch.no_grad():
            outputs.append(net(lava_dt.rebin(spikes, 4)))
    assert outputs[0].sum() > 0 and torch.equal(*outputs)


def test_a_rule_that_refuses_is_its_own():
    made = network((3.0, 7.0))

    def hard_and_soft():
        net = copy.deepcopy(made)
        net[0].set_timestep(lava_dt.Timestep(reset="soft"))
        return net

    assert twins(hard_and_soft, 4, ("tau-scaling", "bilinear")) == {
        "tau-scaling": "tau-scaling",
        "bilinear": "bilinear",
    }
