"""The sampling time scales a loss, and every gradient with it."""

import math

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import SamplingTime
from lava_dt.block import cuba


@pytest.mark.parametrize(
    "loss, target",
    [
        (slayer.loss.SpikeRate(true_rate=0.2, false_rate=0.03), torch.tensor([0, 2, 1, 0])),
        (slayer.loss.SpikeTime(time_constant=4, length=20), torch.zeros(4, 3, 100)),
        (torch.nn.functional.mse_loss, torch.zeros(4, 3, 100)),
    ],
    ids=["SpikeRate", "SpikeTime", "function"],
)
def test_a_loss_and_all_its_gradients_are_multiplied_by_the_sampling_time(parameters, spikes, loss, target):
    found = []
    for wrapped in (loss, SamplingTime(loss, 0.25)):
        torch.manual_seed(3)
        block = cuba.Dense(parameters, 40, 3, weight_scale=6, delay=True)
        value = wrapped(block(spikes), target)
        value.backward()
        found.append([value.detach(), *(p.grad for p in block.parameters() if p.grad is not None)])
    assert len(found[0]) == 3 and found[0][0] != 0
    # a power of two: exact
    assert all(torch.equal(0.25 * plain, scaled) for plain, scaled in zip(*found, strict=True))


def test_a_wrapped_loss_says_what_it_is():
    assert repr(SamplingTime(slayer.loss.SpikeRate(0.2, 0.03), 0.3)).startswith("SamplingTime(\n  duration=0.3\n")


@pytest.mark.parametrize(
    "loss, duration, error, says",
    [
        (None, 1.0, TypeError, "loss is None: pass a loss module or a function"),
        (torch.nn.MSELoss(), "0.3", TypeError, "duration is '0.3': pass a number"),
        (torch.nn.MSELoss(), 0, ValueError, "duration is 0: the sampling time must be finite and above 0"),
        (torch.nn.MSELoss(), math.inf, ValueError, "duration is inf"),
    ],
)
def test_what_is_no_loss_or_no_time_is_refused(loss, duration, error, says):
    with pytest.raises(error, match=says):
        SamplingTime(loss, duration)
