"""One leaky integrator at any timestep, as lava-dl's function has it."""

import pytest
import torch
from lava.lib.dl.slayer.neuron.dynamics import leaky_integrator as upstream

from lava_dt import Timestep, rebin
from lava_dt.neuron import Neuron

SCALE = 1 << 12
DECAY = torch.tensor([1024.0])


@pytest.fixture
def drive():
    return torch.randint(-100, 300, (2, 3, 50)) / 64


@pytest.mark.parametrize("threshold", [None, -1, 1.25, 1.25 + 0.01 / SCALE])
def test_at_dt_1_it_is_lava_dls_bit_for_bit(drive, threshold):
    ours, theirs = (drive.clone().requires_grad_() for _ in range(2))
    state = torch.randint(-4096, 4096, (2, 3)) / SCALE
    y = Timestep().integrate(ours, DECAY, state, SCALE, threshold)
    expected = upstream.dynamics(theirs, DECAY, state, SCALE, threshold)
    assert torch.equal(y, expected)
    cotangent = torch.randn(y.shape)
    y.backward(cotangent)
    expected.backward(cotangent)
    assert torch.equal(ours.grad, theirs.grad)


def test_a_threshold_that_is_an_integer_is_reached_by_it():
    drive = torch.tensor([[[1.25, 1.25]]])
    for threshold, after in ((1.25, 1.25), (1.25 + 0.01 / SCALE, 2.5)):
        y = Timestep().integrate(drive, torch.zeros(1), torch.zeros(1), SCALE, threshold)
        assert torch.equal(y, upstream.dynamics(drive, torch.zeros(1), torch.zeros(1), SCALE, threshold))
        assert y[0, 0, 1] == after


@pytest.mark.parametrize("between", ["accumulate", "drop"])
def test_current_and_voltage_by_two_integrators_are_the_neurons(parameters, drive, between):
    step = Timestep(7, scheme="exponential", reset="soft", between=between)
    current = step.integrate(drive, DECAY, torch.zeros(1), SCALE)
    neuron = Neuron(**parameters, timestep=step)
    expected = neuron.dynamics(drive)
    assert torch.equal(current, expected[0])
    at_grid_only = torch.zeros_like(drive)
    grid = [*range(6, 50, 7), 49]
    at_grid_only[..., grid] = current[..., grid].detach()
    voltage = step.integrate(at_grid_only, neuron.voltage_decay, torch.zeros(1), SCALE, 1.25 + 0.01 / SCALE)
    assert torch.equal(voltage, expected[1]) and (voltage > 1.25).any()


def test_both_clocks_agree(drive):
    state = torch.ones(2, 3)
    held = Timestep(7, scheme="bilinear").integrate(drive, DECAY, state, SCALE)
    coarse = Timestep(7, scheme="bilinear", clock="coarse").integrate(rebin(drive, 7), DECAY, state, SCALE)
    assert torch.equal(held[..., [6, 13, 20, 27, 34, 41, 48, 49]], coarse) and (held[..., :6] == 1).all()


def test_what_one_integrator_cannot_do_is_refused(drive):
    with pytest.raises(ValueError, match=r"decay is 0.25 and dt is 7: forward_euler"):
        Timestep(7).integrate(drive, DECAY, torch.zeros(1), SCALE)
    with pytest.raises(
        ValueError, match=r"decays of current and voltage both.* use gain='charge', or a lava_dt.Neuron"
    ):
        Timestep(4, gain="integral").integrate(drive, DECAY, torch.zeros(1), SCALE)
