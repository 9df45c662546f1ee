"""What a neuron tells the fused kernels, and its read-outs."""

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep
from lava_dt.neuron import Neuron


def test_a_neuron_tells_what_a_step_needs_in_integers(parameters):
    neuron = Neuron(**parameters, timestep=Timestep(4))
    assert neuron.level.tolist() == [80 << 6] and neuron.level.dtype == torch.int64
    assert neuron.current_step_decay.tolist() == [4096] and neuron.voltage_step_decay.tolist() == [492]
    assert neuron.surrogate_width.tolist() == [0.03 * 1.25 * 100] and neuron.surrogate_width.dtype == torch.float64
    assert neuron.surrogate_scale == pytest.approx(0.3) and isinstance(neuron.surrogate_scale, float)
    folded = Neuron(**{**parameters, "current_decay": 0.1}, timestep=Timestep(4, gain="integral"))
    assert folded.gain.tolist() == pytest.approx([4]) and folded.level.tolist() == [20 << 6]
    assert folded.surrogate_width.item() == pytest.approx(neuron.surrogate_width.item() / 4)


@pytest.mark.parametrize(
    "options, simple",
    [
        ({}, True),
        ({"shared_param": False}, True),
        ({"norm": slayer.neuron.norm.MeanOnlyBatchNorm}, False),
        ({"requires_grad": True}, False),
        ({"graded_spike": True}, False),
    ],
)
def test_a_neuron_is_simple_where_nothing_lies_between_current_and_spike(parameters, options, simple):
    assert Neuron(**{**parameters, **options}).simple is simple


def test_a_neuron_whose_decays_were_thawed_or_that_never_fires_is_not_simple(parameters):
    neuron = Neuron(**parameters)
    neuron.current_decay.requires_grad_()
    assert not neuron.simple
    for threshold in (None, -1):
        silent = Neuron(**parameters)
        silent._threshold = threshold
        assert not silent.simple and silent.level.tolist() == [0]
