"""Gradients: central differences where an operation is differentiable, else a float64 loop with the same surrogate.

`cells` below are the neurons as EQUATIONS A10-A13 have them, in float64 and torch's own autograd: straight-through the
integers, the surrogate at a spike, the reset ignored. Without integers and spikes it is held to central differences.
"""

import pytest
import torch
import torch.nn.functional as F
from lava.lib.dl.slayer.synapse import layer
from torch.autograd import forward_ad, gradcheck

from bats_dt.discretization import SCHEMES, retained
from lava_dt import Neuron, SamplingTime, Timestep, rebin
from lava_dt.block import cuba
from lava_dt.dynamics import leaky_integrator
from lava_dt.synapse import plan_of
from lava_dt.time_axis import at_grid, collect, hold, lay_down, place
from lava_dt.transport import transport

SCALE = 4096
# float32 sums of some hundred terms that feed on each other, against float64, relative to the largest entry
FLOAT32 = 2e-5
PARAMETERS = {"threshold": 1.25, "current_decay": 0.15, "voltage_decay": 0.06, "tau_grad": 0.3, "scale_grad": 3}


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, voltage, theta, width, size, graded):
        ctx.save_for_backward(voltage, theta + 0.01 / SCALE, width)
        ctx.size, ctx.graded = size, graded
        fired = (voltage > theta).double()
        return fired * voltage if graded else fired

    @staticmethod
    def backward(ctx, grad):
        voltage, centre, width = ctx.saved_tensors
        if ctx.graded:
            return grad * ctx.size * torch.exp((voltage - centre).clamp(max=0) / width), None, None, None, None
        slope = ctx.size / (2 * width) * torch.exp(-(voltage - centre).abs() / width)
        return grad * slope, None, None, None, None


def whole(x, unit=1.0):
    """Toward zero to a multiple of the unit; its gradient is that of x."""
    return x + (torch.trunc(x / unit) * unit - x).detach()


def step_decay(decay, timestep, integers=True):
    """Decay of a step of dt in 1/4096 from that of a fine step."""
    lost = 4096 * (1 - retained(decay / 4096, timestep.dt, timestep.scheme))
    return lost + (torch.round(lost) - lost).detach() if integers else lost


def cells(drive, decays, neuron=None, feedback=None, bias=0.0, integers=True):
    """Spikes, current and voltage of a neuron with these decays of a step, all (batch, channel, ..., steps).

    Without a neuron there is no threshold; without ``integers`` nothing is rounded.
    """
    along = (-1, *(1,) * (drive.dim() - 3))
    keep = [1 - decay.reshape(along) / 4096 for decay in decays]
    rounded = (lambda x: whole(x, 1 / SCALE)) if integers else (lambda x: x)
    current = voltage = spikes = torch.zeros_like(drive[..., 0])
    seen = []
    for t in range(drive.shape[-1]):
        x = drive[..., t] + bias
        if feedback is not None:
            x = x + F.linear(spikes, feedback)
        current = rounded(keep[0] * current) + rounded(x)
        voltage = rounded(keep[1] * voltage) + current
        if neuron is not None:
            theta, width = (value.double().reshape(along) for value in (neuron.level / SCALE, neuron.surrogate_width))
            spikes = _Surrogate.apply(voltage, theta, width, neuron.surrogate_scale, neuron.graded_spike)
        seen.append((spikes, current, voltage))
        if neuron is not None:
            lost = theta if neuron.timestep.reset == "soft" else voltage
            voltage = voltage - ((spikes > 0).double() * lost).detach()
    return tuple(torch.stack(signal, -1) for signal in zip(*seen, strict=True))


def double(shape, seed=0, low=-1.0, high=1.0):
    values = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (low + (high - low) * values).requires_grad_()


def check_close(given, expected, tolerance=FLOAT32):
    assert given.shape == expected.shape
    assert (given.double() - expected).abs().max() <= tolerance * expected.abs().max() > 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_smooth_neuron_of_this_file_passes_gradcheck_through_every_scheme(scheme, channels):
    timestep = Timestep(3, scheme=scheme)

    def states(drive, current_decay, voltage_decay):
        decays = [step_decay(decay, timestep, integers=False) for decay in (current_decay, voltage_decay)]
        return cells(drive, decays, integers=False)[1:]

    decays = [double(channels, seed, 100, 1200) for seed in (1, 2)]
    assert gradcheck(states, (double((2, 3, 8)), *decays))


@pytest.mark.parametrize("decay", [0, 1024, 2048, 4096])
def test_the_integrators_gradient_of_its_input_is_the_central_difference_to_the_last_bit(decay):
    """Quarters of quarters: with inputs of whole numbers nothing is rounded for 6 steps, and it is linear."""
    x = torch.randint(-9, 9, (2, 3, 6), dtype=torch.float64).requires_grad_()
    state = torch.randint(-9, 9, (2, 3)).double()
    weights = torch.randint(-9, 9, (2, 3, 6)).double()

    def value(x):
        return (leaky_integrator(x, torch.tensor([float(decay)]), state, SCALE) * weights).sum()

    (gradient,) = torch.autograd.grad(value(x), x)
    steps = torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
    with torch.no_grad():
        differences = torch.stack([(value(x + step) - value(x - step)) / 2 for step in steps])
    assert torch.equal(gradient.flatten(), differences)


@pytest.mark.parametrize("decay", [1024, 2048])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_integrators_gradient_of_its_decay_is_the_smooth_recurrences_where_nothing_is_rounded(decay, channels):
    x, state = torch.randint(-9, 9, (2, 3, 6)).double(), torch.randint(-9, 9, (2, 3)).double()
    cotangent = double((2, 3, 6)).detach()
    lost = torch.full((channels,), float(decay), dtype=torch.float64, requires_grad=True)
    y = leaky_integrator(x, lost, state, SCALE)
    (gradient,) = torch.autograd.grad(y, lost, cotangent)

    def smooth(lost):
        kept = (1 - lost / 4096) * state if channels == 1 else (1 - lost / 4096).reshape(1, 3) * state
        seen = []
        for t in range(6):
            now = kept + x[..., t]
            seen.append(now)
            kept = (1 - lost / 4096) * now
        return torch.stack(seen, -1)

    assert gradcheck(smooth, (lost,)) and torch.equal(smooth(lost), y)
    assert torch.allclose(gradient, torch.autograd.grad(smooth(lost), lost, cotangent)[0], rtol=1e-12)


@pytest.mark.parametrize("clock", ["held", "coarse"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_current_and_voltage_give_input_and_decays_the_gradients_of_the_loop(scheme, reset, clock):
    timestep = Timestep(3, scheme=scheme, reset=reset, clock=clock)
    ranges = {"current_decay": (0.05, 0.25), "voltage_decay": (0.02, 0.1)}
    neuron = Neuron(**{**PARAMETERS, **ranges}, shared_param=False, requires_grad=True, timestep=timestep).double()
    neuron.allocate((5,), 2)
    x = double((2, 5, 40), low=-0.2, high=0.6)
    drive = x if clock == "held" else rebin(x, 3)
    cotangents = [double(drive.shape, seed).detach() for seed in (1, 2)]
    leaves = [x, neuron.current_decay, neuron.voltage_decay]
    given = torch.autograd.grad(neuron.dynamics(drive), leaves, cotangents)
    decays = [step_decay(decay, timestep) for decay in leaves[1:]]
    spikes, *states = cells(rebin(x, 3), decays, neuron)
    if clock == "held":
        states = [hold(state, torch.zeros(2, 5), 3, 40) for state in states]
    assert spikes.sum() > 10
    for ours, expected in zip(given, torch.autograd.grad(states, leaves, cotangents), strict=True):
        check_close(ours, expected)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_decays_learn_the_slope_of_the_neuron_that_is_not_quantised(scheme):
    """A difference of 8 of 4096, where rounding to 12 bits and 1/4096 no longer hides the slope, to a percent."""
    timestep = Timestep(3, scheme=scheme, clock="coarse")
    neuron = Neuron(60, 0.2, 0.1, requires_grad=True, timestep=timestep).double()
    drive = double((2, 5, 30), low=0, high=1).detach()
    decays = [neuron.current_decay, neuron.voltage_decay]
    given = torch.autograd.grad(neuron.dynamics(drive)[1].sum(), decays)
    for which in range(2):

        def smooth(change, which=which):
            moved = [decay.detach() + change * (i == which) for i, decay in enumerate(decays)]
            return cells(drive, [step_decay(decay, timestep, False) for decay in moved], integers=False)[2].sum()

        assert given[which].item() == pytest.approx((smooth(8) - smooth(-8)).item() / 16, rel=0.01)


def test_the_way_over_the_time_axis_passes_gradcheck():
    x = double((2, 3, 7))
    bins = double((2, 3, 3), 1)
    phases = torch.tensor([0, 2, 1]).reshape(3, 1)
    for way, signal in (
        (lambda x: rebin(x, 3), x),
        (lambda x: at_grid(x, 3), x),
        (lambda x: at_grid(x, 3, 1), x),
        (lambda x: collect(x, 3, 2, torch.ones(2, 3, dtype=x.dtype))[0], x),
        (lambda s: hold(s, torch.ones(2, 3), 3, 7), bins),
        (lambda s: place(s, 1, 3, 7), bins),
        (lambda s: place(s, phases, 3, 8), bins),
        (lambda s: lay_down(s, 3, 1, 8), bins),
    ):
        assert gradcheck(way, (signal,))


@pytest.mark.parametrize("clock, steps", [("held", 11), ("coarse", 4)])
@pytest.mark.parametrize("hop", [0, 1])
def test_spikes_and_delays_get_the_differences_of_what_arrives(clock, steps, hop):
    """Spikes: gradcheck. A delay: what a whole bin more would change, a fine step's share of it."""
    timestep, spikes = Timestep(3, clock=clock), double((2, 4, 4))
    delay = torch.tensor([0.4, 1.0, 2.9, 7.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda s: transport(s, timestep, steps, hop), (spikes,))
    assert gradcheck(lambda s: transport(s, timestep, steps, hop, delay.detach()), (spikes,))
    weights = double((2, 4, steps), 1).detach()

    def cost(delay):
        return (transport(spikes.detach(), timestep, steps, hop, delay) * weights).sum([0, 2])

    (gradient,) = torch.autograd.grad(cost(delay).sum(), delay)
    assert torch.allclose(gradient, (cost(delay + 3) - cost(delay)).detach() / 3)


SYNAPSES = {
    "dense": (lambda: layer.Dense(6, 3), (2, 6, 3)),
    "dense over an image": (lambda: layer.Dense((3, 2, 2), 3), (2, 2, 2, 3, 2)),
    "convolution": (lambda: layer.Conv(2, 4, 3, stride=2, padding=1, groups=2), (2, 2, 4, 5, 2)),
    "uneven convolution": (lambda: layer.Conv(2, 2, (3, 2), padding=(1, 0), dilation=(1, 2)), (1, 2, 4, 4, 2)),
    "transposed": (lambda: layer.ConvTranspose(2, 4, 3, stride=2, padding=1, groups=2), (1, 2, 3, 3, 2)),
    "pooling": (lambda: layer.Pool((2, 3)), (2, 2, 4, 6, 2)),
    "unpooling": (lambda: layer.Unpool((2, 1)), (2, 2, 2, 3, 2)),
}


@pytest.mark.parametrize("make, shape", SYNAPSES.values(), ids=SYNAPSES)
def test_what_a_synapse_delivers_passes_gradcheck_in_input_and_weight(make, shape):
    synapse = make()
    plan = plan_of(synapse, shape[1:-1])
    assert gradcheck(plan.drive, (double(shape), double(synapse.weight.shape, 1)), fast_mode=True)


@pytest.mark.parametrize("duration", [0.25, 3.0])
def test_the_sampling_time_of_a_loss_passes_gradcheck(duration):
    loss = SamplingTime(F.mse_loss, duration)
    assert gradcheck(loss, (double((2, 3)), double((2, 3), 1)))


def through(block, x, clock):
    """A block's output with one entry a step of dt, and what makes it from the reference's entries."""
    timestep, hop = block.timestep, int(getattr(block, "delay_shift", 0))
    y = block(x if clock == "held" else rebin(x, timestep.dt))
    y = rebin(y, timestep.dt) if clock == "held" else y
    return y, lambda spikes: F.pad(spikes, (hop, 0))[..., : spikes.shape[-1]]


def compare(block, x, leaves, reference, clock):
    """The block's output and gradients against those of ``reference(x, *leaves)`` in float64."""
    y, shifted = through(block, x, clock)
    cotangent = double(y.shape, 9).detach()
    given = torch.autograd.grad(y, [x, *leaves], cotangent.to(y.dtype))
    copies = [leaf.detach().double().requires_grad_() for leaf in (x, *leaves)]
    expected = shifted(reference(*copies))
    # bit for bit, but for the gain of graded spikes, rounded to float32 and so its product
    assert torch.allclose(y.detach().double(), expected.detach(), rtol=2e-7, atol=0)
    assert 0 < (y != 0).double().mean() < 0.9
    for ours, theirs in zip(given, torch.autograd.grad(expected, copies, cotangent), strict=True):
        check_close(ours, theirs)


def eight_bits(weight):
    """lava-dl's weights at a scale of 64: even numbers of 64ths within 8 bits."""
    return weight + ((torch.round(weight * 32) / 32).clamp(-4, 4 - 1 / 32) - weight).detach()


CLOCKS = pytest.mark.parametrize("clock", ["held", "coarse"])
STEPS = pytest.mark.parametrize(
    "options",
    [
        {"dt": 1},
        {"dt": 3, "scheme": "exponential", "gain": "integral"},
        {"dt": 4, "scheme": "bilinear", "reset": "soft"},
        {"dt": 5, "scheme": "backward_euler", "reset": "soft", "gain": "integral"},
    ],
    ids=lambda options: str(options["dt"]),
)


@CLOCKS
@STEPS
@pytest.mark.parametrize("neuron", [{}, {"requires_grad": True}, {"graded_spike": True}], ids=str)
@pytest.mark.parametrize("density", [0.1, 0.7])
def test_a_dense_block_has_the_gradients_of_the_loop(options, clock, neuron, density):
    options = dict(options)
    timestep = Timestep(options.pop("dt"), clock=clock, **options)
    block = cuba.Dense({**PARAMETERS, **neuron, "timestep": timestep}, 12, 7, weight_scale=5)
    cell = block.neuron
    x = (torch.rand(3, 12, 50) < density).float().requires_grad_()
    leaves = [block.synapse.weight]
    if cell.requires_grad:
        leaves += [cell.current_decay, cell.voltage_decay]

    def reference(x, weight, *decays):
        drive = torch.einsum("oi,bit->bot", eight_bits(weight.flatten(1)), rebin(x, timestep.dt))
        given = decays or [cell.current_decay.detach().double(), cell.voltage_decay.detach().double()]
        spikes = cells(drive, [step_decay(decay, timestep) for decay in given], cell)[0]
        return spikes * cell.gain if cell.graded_spike else spikes

    compare(block, x, leaves, reference, clock)


@CLOCKS
@STEPS
def test_a_convolution_has_the_gradients_of_the_loop(options, clock):
    options = dict(options)
    timestep = Timestep(options.pop("dt"), clock=clock, **options)
    ranges = {"shared_param": False, "current_decay": (0.05, 0.2), "voltage_decay": (0.02, 0.1)}
    block = cuba.Conv({**PARAMETERS, **ranges, "timestep": timestep}, 2, 4, 3, padding=1, weight_scale=5)
    x = (torch.rand(2, 2, 5, 4, 30) < 0.2).float().requires_grad_()

    def reference(x, weight):
        drive = F.conv3d(rebin(x, timestep.dt), eight_bits(weight), padding=(1, 1, 0))
        decays = [decay.detach().double() for decay in (block.neuron.current_decay, block.neuron.voltage_decay)]
        return cells(drive, [step_decay(decay, timestep) for decay in decays], block.neuron)[0]

    compare(block, x, [block.synapse.weight], reference, clock)


@CLOCKS
@STEPS
@pytest.mark.parametrize("learnt", [False, True])
def test_a_recurrent_block_has_the_gradients_of_the_loop(options, clock, learnt):
    options = dict(options)
    timestep = Timestep(options.pop("dt"), clock=clock, **options)
    block = cuba.Recurrent({**PARAMETERS, "requires_grad": learnt, "timestep": timestep}, 12, 7, weight_scale=2)
    x = (torch.rand(3, 12, 50) < 0.2).float().requires_grad_()
    cell = block.neuron
    leaves = [block.input_synapse.weight, block.recurrent_synapse.weight]
    if learnt:
        leaves += [cell.current_decay, cell.voltage_decay]

    def reference(x, weight, feedback, *decays):
        drive = torch.einsum("oi,bit->bot", eight_bits(weight.flatten(1)), rebin(x, timestep.dt))
        given = decays or [cell.current_decay.detach().double(), cell.voltage_decay.detach().double()]
        decays = [step_decay(decay, timestep) for decay in given]
        return cells(drive, decays, cell, eight_bits(feedback.flatten(1)))[0]

    compare(block, x, leaves, reference, clock)


@CLOCKS
def test_winners_that_take_all_have_the_gradients_of_the_loop(clock):
    timestep = Timestep(3, clock=clock, scheme="exponential")
    block = cuba.KWTA({**PARAMETERS, "timestep": timestep}, 12, 6, 2, self_excitation=0.4, weight_scale=4)
    x = (torch.rand(3, 12, 60) < 0.3).float().requires_grad_()

    def reference(x, weight, excitation):
        drive = torch.einsum("oi,bit->bot", eight_bits(weight.flatten(1)), rebin(x, 3))
        feedback = eight_bits((1 + excitation) * torch.eye(6, dtype=x.dtype) - 1)
        bias = eight_bits(torch.tensor(1.25 * (6 - 2 * 2) / 6 / 64, dtype=x.dtype))
        decays = [decay.detach().double() for decay in (block.neuron.current_decay, block.neuron.voltage_decay)]
        return cells(drive, [step_decay(decay, timestep) for decay in decays], block.neuron, feedback, bias)[0]

    compare(block, x, [block.synapse.weight, block.self_excitation], reference, clock)


@CLOCKS
@STEPS
def test_a_read_out_has_the_gradients_of_the_loop_times_the_gain(options, clock):
    options = dict(options)
    timestep = Timestep(options.pop("dt"), clock=clock, **options)
    block = cuba.Affine({**PARAMETERS, "requires_grad": True, "timestep": timestep}, 12, 7, weight_scale=3)
    x = (torch.rand(3, 12, 50) < 0.3).float().requires_grad_()
    cell, leaves = block.neuron, [block.synapse.weight, block.neuron.current_decay, block.neuron.voltage_decay]
    y = block(x if clock == "held" else rebin(x, timestep.dt))
    y = at_grid(y, timestep.dt) if clock == "held" else y
    cotangent = double(y.shape, 9).detach()
    given = torch.autograd.grad(y, [x, *leaves], cotangent.float())
    copies = [leaf.detach().double().requires_grad_() for leaf in (x, *leaves)]
    drive = torch.einsum("oi,bit->bot", eight_bits(copies[1].flatten(1)), rebin(copies[0], timestep.dt))
    expected = cells(drive, [step_decay(decay, timestep) for decay in copies[2:]])[2] * cell.gain
    check_close(y.detach(), expected.detach())
    for ours, theirs in zip(given, torch.autograd.grad(expected, copies, cotangent), strict=True):
        check_close(ours, theirs)


def test_forward_mode_is_refused_instead_of_losing_its_tangent():
    block, x = cuba.Dense(dict(PARAMETERS), 6, 4), torch.ones(2, 6, 5)
    with torch.no_grad(), forward_ad.dual_level():
        assert block(x.to_sparse()).shape == block(x).shape == (2, 4, 5)
        with pytest.raises(NotImplementedError, match="forward mode"):
            block(forward_ad.make_dual(x, x))
        parameters = {name: forward_ad.make_dual(p, torch.ones_like(p)) for name, p in block.named_parameters()}
        with pytest.raises(NotImplementedError, match="forward mode"):
            torch.func.functional_call(block, parameters, (x,))
