"""The held clock is the coarse clock, bit for bit, and both do what EQUATIONS A.2 and A.3 say."""

import pytest
import torch

from lava_dt import Timestep, rebin
from lava_dt.block import cuba
from lava_dt.neuron import Neuron
from lava_dt.time_axis import at_grid


def run_on(clock, parameters, x, dt, delay, hop=True, **options):
    step = Timestep(dt, clock=clock, **options)
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        *(
            cuba.Dense(
                {**parameters, "timestep": step},
                a,
                b,
                weight_norm=True,
                weight_scale=4,
                delay=delay,
                delay_shift=hop,
            )
            for a, b in ((40, 30), (30, 20))
        )
    )
    x = x.clone().requires_grad_()
    seen = x if clock == "held" else rebin(x, dt)
    net(seen)  # draws the delays
    for block in net if delay else ():
        block.delay.delay.data *= 25
    y = net(seen)
    y = rebin(y, dt) if clock == "held" else y
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    return y, x.grad, [p.grad for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("delay, hop", [(False, True), (True, True), (True, False)])
@pytest.mark.parametrize("reset, gain", [("hard", "charge"), ("soft", "integral")])
@pytest.mark.parametrize("dt", [2, 3, 7, 10, 16, 99, 100, 150])
def test_the_held_clock_is_the_coarse_clock_bit_for_bit_layer_after_layer(
    parameters, spikes, dt, reset, gain, delay, hop
):
    options = {"scheme": "exponential", "reset": reset, "gain": gain}
    held = run_on("held", parameters, spikes, dt, delay, hop, **options)
    coarse = run_on("coarse", parameters, spikes, dt, delay, hop, **options)
    assert torch.equal(held[0], coarse[0])
    assert torch.equal(held[1], coarse[1])
    assert len(held[2]) == len(coarse[2]) == (6 if delay else 4)
    assert all(torch.equal(a, b) for a, b in zip(held[2], coarse[2], strict=True))
    assert held[0].sum() > 0 or dt >= 50


@pytest.mark.parametrize("scheme", ["forward_euler", "exponential", "backward_euler", "bilinear"])
def test_clocks_agree_for_every_scheme(parameters, spikes, scheme):
    held, coarse = (
        run_on(clock, {**parameters, "current_decay": 0.1}, spikes, 4, True, scheme=scheme)
        for clock in ("held", "coarse")
    )
    assert torch.equal(held[0], coarse[0]) and torch.equal(held[1], coarse[1])
    assert held[0].sum() > 0


@pytest.mark.parametrize("dt", [2, 3, 7])
def test_a_convolution_and_a_pool_agree_on_both_clocks(parameters, dt):
    x = (torch.rand(2, 2, 12, 12, 50) < 0.1).float()
    outputs = []
    for clock in ("held", "coarse"):
        step = Timestep(dt, clock=clock, scheme="exponential")
        torch.manual_seed(3)
        net = torch.nn.Sequential(
            cuba.Input(parameters, weight=2.0, bias=0.02, timestep=step),
            cuba.Conv(parameters, 2, 4, 3, weight_scale=4, delay=True, timestep=step),
            cuba.Pool(parameters, 2, weight_scale=0.5, timestep=step),
            cuba.Flatten(),
            cuba.Dense(parameters, 100, 10, weight_scale=4, timestep=step),
        )
        y = net(x if clock == "held" else rebin(x, dt))
        outputs.append(rebin(y, dt) if clock == "held" else y)
    assert torch.equal(*outputs) and outputs[0].sum() > 0


def test_on_the_held_clock_state_and_spikes_change_at_grid_steps_only(parameters, spikes):
    neuron = Neuron(**parameters, timestep=Timestep(7, scheme="exponential"))
    current, voltage = neuron.dynamics(spikes * 2)
    off_grid = torch.ones(100, dtype=torch.bool)
    off_grid[[*range(6, 100, 7), 99]] = False
    for state in (current, voltage):
        change = state[..., 1:] != state[..., :-1]
        assert change.any() and not change[..., off_grid[1:]].any()
        assert (state[..., :6] == 0).all()
    s = neuron.spike(voltage)
    assert s.sum() > 0 and not s[..., off_grid].any()
    assert torch.equal(s, Neuron(**parameters, timestep=Timestep(7, scheme="exponential"))(spikes * 2))
    coarse = Neuron(**parameters, timestep=Timestep(7, clock="coarse", scheme="exponential"))
    assert torch.equal(at_grid(s, 7), coarse(rebin(spikes * 2, 7)))
    assert torch.equal(at_grid(voltage, 7), coarse.dynamics(rebin(spikes * 2, 7))[1])


def test_the_gradient_of_a_step_is_that_of_the_grid_step_that_received_it(parameters, spikes):
    x = (spikes * 2).requires_grad_()
    neuron = Neuron(**parameters, timestep=Timestep(7, scheme="exponential"))
    (neuron(x) * torch.randn(4, 40, 100)).sum().backward()
    assert torch.equal(x.grad, at_grid(x.grad, 7).repeat_interleave(7, -1)[..., :100])


def test_dropped_input_between_grid_steps_is_not_seen(parameters, spikes):
    step = Timestep(7, scheme="exponential", between="drop")
    thinned = torch.zeros_like(spikes)
    grid = [*range(6, 100, 7), 99]
    thinned[..., grid] = spikes[..., grid]
    x = (spikes * 4).requires_grad_()
    y = Neuron(**parameters, timestep=step)(x)
    assert torch.equal(y, Neuron(**parameters, timestep=Timestep(7, scheme="exponential"))(thinned * 4))
    y.sum().backward()
    grid_mask = torch.zeros(100, dtype=torch.bool)
    grid_mask[grid] = True
    assert (x.grad[..., ~grid_mask] == 0).all() and (x.grad[..., grid_mask] != 0).any()


def test_hop_and_delay_are_added_before_rounding_up_to_bins(parameters):
    """One strong input spike in bin 1; the layer fires in bin 1, k = 4: it arrives ceil((1 + d)/4) bins later."""
    for delay, later in ((0, 1), (3, 1), (4, 2), (7, 2), (8, 3)):
        for clock, length in (("coarse", 10), ("held", 40)):
            block = cuba.Dense(parameters, 1, 1, delay=True, timestep=Timestep(4, clock=clock))
            block.synapse.weight.data.fill_(3)
            block.delay.init, block.delay.delay.data = True, torch.tensor([float(delay)])
            x = torch.zeros(1, 1, length)
            x[..., 0] = 1
            y = block(x)[0, 0]
            first = int(torch.nonzero(y)[0])
            assert first == (later if clock == "coarse" else 3 + 1 + delay)


def test_soft_reset_subtracts_the_threshold(parameters):
    drive = torch.tensor([[[3.0, 0, 0]]])
    quick = {**parameters, "current_decay": 1.0, "voltage_decay": 0.0}
    voltage = Neuron(**quick, timestep=Timestep(reset="soft")).dynamics(drive)[1]
    assert voltage.tolist() == [[[3, 1.75, 0.5]]]
    assert Neuron(**quick).dynamics(drive)[1].tolist() == [[[3, 0, 0]]]


def test_the_integral_gain_is_folded_into_an_integer_threshold(parameters):
    neuron = Neuron(**{**parameters, "current_decay": 0.1}, timestep=Timestep(4, gain="integral"))
    assert (
        neuron.v_th_mant == 20 and neuron.cx_current_decay == 1638 and neuron.cx_voltage_decay == 492
    )  # 80 / g, g = 4
    plain = Neuron(**{**parameters, "current_decay": 0.1}, timestep=Timestep(4))
    assert plain.v_th_mant == 80 and plain.device_params["iDecay"] == 1638
    per_channel = Neuron(
        1.25,
        (0.1, 0.2),
        0.03,
        shared_param=False,
        timestep=Timestep(4, gain="integral", scheme="exponential"),
    )
    y = per_channel(torch.rand(2, 5, 20))
    assert per_channel.v_th_mant.shape == (5,) and y.shape == (2, 5, 20)


def test_spikes_are_strictly_above_the_threshold_also_where_lava_dl_fires_on_equality(parameters):
    for threshold in (1.25, 64.0, 100.0):
        neuron = Neuron(**{**parameters, "threshold": threshold, "current_decay": 1.0, "voltage_decay": 1.0})
        drive = torch.tensor([[[threshold, threshold + 1 / 4096]]])
        assert neuron(drive).tolist() == [[[0, 1]]]


def test_learnt_decays_stay_where_the_scheme_can_represent_them(parameters):
    neuron = Neuron(**{**parameters, "requires_grad": True}, timestep=Timestep(4))
    neuron.current_decay.data.fill_(3000)
    neuron(torch.rand(1, 2, 8))
    assert neuron.current_decay.item() == 1024
    saturated = Neuron(**{**parameters, "requires_grad": True}, timestep=Timestep(4, saturate=True))
    saturated.current_decay.data.fill_(3000)
    saturated(torch.rand(1, 2, 8)).sum().backward()
    assert saturated.current_decay.item() == 3000 and saturated.cx_current_decay == 4096


def test_the_gradient_of_a_fine_decay_goes_through_the_scheme(parameters):
    x = torch.rand(2, 3, 20)
    grads = {}
    for dt in (1, 3):
        neuron = Neuron(**{**parameters, "requires_grad": True}, timestep=Timestep(dt, clock="coarse"))
        neuron.dynamics(x)[0].sum().backward()
        grads[dt] = neuron.current_decay.grad.item(), neuron.step_decay(neuron.current_decay).item()
    # a neuron of the coarse decay itself, dt = 1: its gradient, times d(coarse decay)/d(fine decay) = 3
    direct = Neuron(**{**parameters, "current_decay": grads[3][1] / 4096, "requires_grad": True})
    direct.dynamics(x)[0].sum().backward()
    assert grads[3][0] == pytest.approx(3 * direct.current_decay.grad.item(), rel=1e-5)


@pytest.mark.parametrize("dt", [1, 4])
def test_the_gradient_of_a_delay_is_the_difference_it_makes_a_fine_step(parameters, spikes, dt):
    """A cost that grows by 1 a bin: delaying all spikes by a fine step costs each of them 1/dt."""
    block = cuba.Dense(
        parameters,
        40,
        30,
        weight_scale=4,
        delay=True,
        timestep=Timestep(dt, clock="coarse", scheme="exponential"),
    )
    x = rebin(spikes, dt)
    y = block(x)
    (y * torch.arange(float(x.shape[-1]))).sum().backward()
    # a spike in the last bin would leave the recording: its cost falls to nothing
    last = y[..., -1].sum(0)
    expected = (y.sum([0, 2]) - last - last * (x.shape[-1] - 1)) / dt
    assert torch.allclose(block.delay.delay.grad, expected) and y.sum() > 0


def test_a_persistent_state_goes_on_where_it_stopped_on_both_clocks(parameters, spikes):
    for clock in ("held", "coarse"):
        step = Timestep(5, clock=clock, scheme="exponential", reset="soft")
        outputs = []
        for pieces in (1, 4):
            torch.manual_seed(3)
            block = cuba.Dense({**parameters, "persistent_state": True, "timestep": step}, 40, 30, weight_scale=4)
            x = spikes if clock == "held" else rebin(spikes, 5)
            outputs.append(torch.cat([block(part) for part in x.split(x.shape[-1] // pieces, -1)], -1))
        assert torch.equal(*outputs) and outputs[0].sum() > 0


@pytest.mark.parametrize("dt", [17, 23, 33, 49, 50, 51, 64, 1000])
@pytest.mark.parametrize("gain", ["charge", "integral"])
def test_steps_above_16_that_do_not_divide_or_outlast_the_recording_agree_on_both_clocks(parameters, dt, gain):
    """50 steps, delays up to the longest of 62, with the hop and without."""
    x = (torch.rand(2, 2, 12, 12, 50) < 0.2).float()
    results = []
    for clock in ("held", "coarse"):
        step = Timestep(dt, clock=clock, scheme="exponential", gain=gain)
        torch.manual_seed(3)
        conv = cuba.Conv(parameters, 2, 4, 3, weight_scale=6, delay=True, timestep=step, delay_shift=False)
        pool = cuba.Pool(parameters, 2, weight_scale=2, delay=True, timestep=step)
        net = torch.nn.Sequential(
            cuba.Input(parameters, weight=2.0, bias=0.02, timestep=step, delay_shift=False),
            conv,
            pool,
            cuba.Flatten(),
            cuba.Affine(parameters, 100, 10, weight_scale=4, timestep=step),
        )
        conv.synapse.weight.data.abs_()
        conv.delay.init, conv.delay.delay.data = True, torch.tensor([0.0, 1, 20, 49])
        pool.delay.init, pool.delay.delay.data = True, torch.tensor([0.0, 15, 48, 62])
        given = (x if clock == "held" else rebin(x, dt)).clone().requires_grad_()
        inner = torch.nn.Sequential(*net[:2])(given)
        y = net(given)
        assert y.shape == (2, 10, 50 if clock == "held" else -(-50 // dt))
        assert inner[:, 0].sum() > 0  # without hop and delay spikes leave at the grid steps, at the end at the latest
        if clock == "held":
            y, inner = at_grid(y, dt), rebin(inner, dt)
        y.sum().backward()
        gradient = given.grad if clock == "coarse" else at_grid(given.grad, dt)
        results.append((inner, y, gradient, conv.synapse.weight.grad))
    assert all(torch.equal(held, coarse) for held, coarse in zip(*results, strict=True))


def test_a_step_beyond_the_recording_is_one_bin_at_its_end(parameters, spikes):
    for dt in (100, 101, 5000):
        step = Timestep(dt, scheme="exponential")
        torch.manual_seed(3)
        block = cuba.Dense(parameters, 40, 30, weight_scale=4, timestep=step, delay_shift=False)
        y = block(spikes)
        assert (y[..., :-1] == 0).all() and y[..., -1].sum() > 0
        drive = block.synapse(spikes.sum(-1, keepdim=True))
        current = torch.trunc(4096 * drive) / 4096  # nothing was there before to decay
        assert torch.equal(y[..., -1:], (current > 1.25).float())
        block.delay_shift = True
        assert (block(spikes) == 0).all()  # what leaves at the end arrives after it
