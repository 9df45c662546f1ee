"""What a neuron tells the fused kernels, and its read-outs."""

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep, rebin
from lava_dt.block import cuba
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


def real_voltage(parameters, x):
    """The voltage of a fine step by step simulation in float64, no threshold."""
    current = voltage = torch.zeros(x.shape[:-1], dtype=torch.float64)
    trace = []
    for t in range(x.shape[-1]):
        current = (1 - parameters["current_decay"]) * current + x[..., t]
        voltage = (1 - parameters["voltage_decay"]) * voltage + current
        trace.append(voltage)
    return torch.stack(trace, -1)


@pytest.mark.parametrize("scheme", ["forward_euler", "exponential", "backward_euler", "bilinear"])
@pytest.mark.parametrize("clock", ["held", "coarse"])
def test_a_read_out_under_the_integral_gain_has_the_size_of_dt_1(parameters, clock, scheme):
    """A constant input: the steady voltage z / (alpha beta) at any dt."""
    parameters = {**parameters, "current_decay": 0.1}
    step = Timestep(4, clock=clock, scheme=scheme, gain="integral")
    heads = [cuba.Affine({**parameters, "timestep": given}, 6, 3, weight_scale=4) for given in (Timestep(), step)]
    heads[1].load_state_dict(heads[0].state_dict())
    x = torch.ones(1, 6, 800)
    fine, coarse = heads[0](x)[..., -1], heads[1](x if clock == "held" else rebin(x, 4))[..., -1]
    drive = heads[0].synapse(x).detach()
    # rounding toward zero takes up to 1/4096 a step from the current, which 1/(alpha beta) steps add up to 0.08, and
    # half as much from the voltage; 12 bits round half of one in a decay of 400 of them
    close = {"rtol": 5e-3, "atol": 0.15}
    assert torch.allclose(fine.double(), real_voltage(parameters, drive)[..., -1], **close)
    assert torch.allclose(coarse, fine, **close)
    charge = cuba.Affine({**parameters, "timestep": Timestep(4, clock=clock, scheme=scheme)}, 6, 3)
    charge.load_state_dict(heads[0].state_dict())
    read = charge(x if clock == "held" else rebin(x, 4))[..., -1]
    assert torch.allclose(read * heads[1].neuron.gain.float(), coarse)


def test_the_gain_of_a_read_out_is_that_of_its_channel_and_reaches_the_gradient(parameters):
    parameters = {**parameters, "shared_param": False, "current_decay": (0.05, 0.2)}
    step = Timestep(4, clock="coarse", gain="integral")
    head = cuba.Affine({**parameters, "timestep": step}, 6, 3)
    head.neuron.draw_decays()
    x = torch.rand(2, 6, 9, requires_grad=True)
    y = head(x)
    gain = head.neuron.gain.float().reshape(3, 1)
    assert gain.shape == (3, 1) and torch.equal(y, head.neuron.dynamics(head.synapse(x))[1] * gain)
    y.sum().backward()
    assert (head.synapse.weight.grad != 0).any() and (x.grad != 0).any()


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_graded_spikes_under_the_integral_gain_carry_the_real_voltage(parameters, reset, spikes):
    step = Timestep(4, clock="coarse", scheme="exponential", reset=reset, gain="integral")
    binary = Neuron(**parameters, timestep=step)
    graded = Neuron(**parameters, graded_spike=True, timestep=step)
    x = (rebin(spikes, 4) * 2).requires_grad_()
    voltage = binary.dynamics(x)[1]
    y = graded(x)
    assert torch.equal(y, binary(x) * voltage * binary.gain.float()) and (y > 0).any()
    # in real units the threshold is the real one, but for its rounding to an integer of 23
    assert y[y > 0].min() > 1.25 * 0.95
    y.sum().backward()
    assert (x.grad != 0).any()


def test_the_surrogate_of_a_graded_spike_is_that_of_dt_1_at_the_same_real_voltage(parameters):
    step = Timestep(4, gain="integral")
    fine, coarse = (
        Neuron(**{**parameters, "current_decay": 0.1}, graded_spike=True, timestep=given)
        for given in (Timestep(), step)
    )
    at = torch.tensor([[[0.5, 1.0, 1.2, 1.5]]])
    found = []
    for neuron, factor in ((fine, 1.0), (coarse, 4.0)):
        voltage = (at / factor).requires_grad_()
        neuron._fire(voltage).sum().backward()
        found.append(voltage.grad / factor)  # per real voltage
    # the surrogate's centre lies 0.01 integers above the threshold, in integers of either size
    assert torch.allclose(*found, rtol=1e-4)


@pytest.mark.parametrize("clock", ["held", "coarse"])
def test_a_bias_of_the_input_enters_once_a_step_or_under_the_integral_gain_dt_times(parameters, clock):
    x = torch.zeros(1, 2, 10)
    for gain, between, times in (("charge", "accumulate", 1), ("integral", "accumulate", 4), ("integral", "drop", 1)):
        if clock == "coarse" and between == "drop":
            continue
        step = Timestep(4, clock=clock, scheme="exponential", gain=gain, between=between)
        block = cuba.Input({**parameters, "timestep": step}, weight=1.0, bias=0.25)
        drive = block.drive(block.neuron.gather(x if clock == "held" else rebin(x, 4)))
        assert drive.shape == (1, 2, 3) and (drive == 0.25 * times).all()
    plain = cuba.Input({**parameters, "timestep": Timestep(gain="integral")}, bias=0.25)
    assert (plain.drive(x) == 0.25).all()


def test_time_constants_stand_for_decays_in_neurons_and_blocks(parameters):
    plain = {key: value for key, value in parameters.items() if "decay" not in key}
    times = {"tau_syn": "4 ms", "tau_mem": "25 ms", "step": "1 ms"}
    for step, decays in ((Timestep(), (0.25, 0.04)), (Timestep(2, scheme="backward_euler"), (0.2, 1 / 26))):
        neuron = Neuron(**plain, **times, timestep=step)
        block = cuba.Dense({**plain, **times, "timestep": step}, 4, 3)
        for found in (neuron, block.neuron):
            assert found.current_decay.item() == pytest.approx(4096 * decays[0])
            assert found.voltage_decay.item() == pytest.approx(4096 * decays[1])
    assert Neuron(1.25, None, None, **times).current_decay.item() == 1024
    assert Neuron(1.25, 0.5, tau_mem="25 ms", step="1 ms").current_decay.item() == 2048
    ranged = Neuron(1.25, tau_syn=("4 ms", "8 ms"), tau_mem="25 ms", step="1 ms", shared_param=False)
    assert (ranged.current_decay_min, ranged.current_decay_max) == (0.125, 0.25)
    for make in (lambda p: Neuron(**p), lambda p: cuba.Dense(p, 4, 3)):
        with pytest.raises(ValueError, match="both tau_syn and current_decay are given"):
            make({**parameters, "tau_syn": "4 ms", "step": "1 ms"})
        with pytest.raises(
            ValueError, match=r"tau_mem is '20 s' and a fine step '1 ms': a step of dt=1 would lose less"
        ):
            make({**plain, "tau_syn": "4 ms", "tau_mem": "20 s", "step": "1 ms"})
    with pytest.raises(TypeError, match="multiple values"):
        Neuron(1.25, 0.25, 0.03, threshold=1)
