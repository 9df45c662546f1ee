"""dt = 1 is lava-dl bit for bit."""

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep
from lava_dt.block import cuba
from lava_dt.neuron import Neuron


def outcome(module, make, x, calls=1):
    """Output, gradient of the input and of every parameter of a block made by ``make`` from a cuba module."""
    torch.manual_seed(3)
    block = make(module)
    x = x.clone().requires_grad_()
    torch.manual_seed(4)  # first calls draw delays and per-channel decays
    y = torch.cat([block(x) for _ in range(calls)], -1)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    return y, x.grad, {name: p.grad for name, p in block.named_parameters()}


IMAGES = (torch.rand(2, 2, 12, 12, 50, generator=torch.Generator().manual_seed(8)) < 0.1).float()
DENSE = {
    "plain": ({}, {}),
    "weight norm and delays": ({}, {"weight_norm": True, "delay": True}),
    "no hop": ({}, {"delay_shift": False}),
    "mask": ({}, {"mask": torch.ones(30, 40).tril()}),
    "own hook": ({}, {"pre_hook_fx": lambda weight: weight * 2}),
    "per-channel decays": ({"shared_param": False, "current_decay": (0.1, 0.5)}, {}),
    "graded spikes": ({"graded_spike": True}, {}),
    "scale": ({"scale": 100}, {}),
    "norm": ({"norm": slayer.neuron.norm.MeanOnlyBatchNorm}, {}),
    "dropout": ({"dropout": slayer.neuron.Dropout(p=0.5)}, {}),
}


@pytest.mark.parametrize("neuron, block", DENSE.values(), ids=DENSE)
def test_a_dense_block_at_dt_1_is_lava_dls_bit_for_bit(parameters, spikes, neuron, block):
    def make(module):
        return module.Dense({**parameters, **neuron}, 40, 30, weight_scale=3, **block)

    check_equal(make, spikes)


BLOCKS = {
    "Conv": lambda m, p: m.Conv(p, 2, 8, 3, stride=2, padding=1, weight_scale=3),
    "Conv with delays": lambda m, p: m.Conv(p, 2, 8, 3, weight_scale=3, weight_norm=True, delay=True),
    "ConvT": lambda m, p: m.ConvT(p, 2, 8, 3, stride=2, padding=1, weight_scale=3),
    "ConvT with delays": lambda m, p: m.ConvT(p, 2, 4, 3, groups=2, weight_scale=3, weight_norm=True, delay=True),
    "Pool": lambda m, p: m.Pool(p, 2, weight_scale=0.5),
    "Pool with delays": lambda m, p: m.Pool(p, 3, weight_scale=0.5, delay=True),
    "Unpool": lambda m, p: m.Unpool(p, 2, weight_scale=2),
    "Unpool with delays": lambda m, p: m.Unpool(p, (2, 3), weight_scale=2, delay=True),
    "TimeDecimation": lambda m, p: m.TimeDecimation(8),
    "Input": lambda m, p: m.Input(p, weight=1.0, bias=0.1),
    "Flatten": lambda m, p: m.Flatten(),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
def test_other_blocks_at_dt_1_are_lava_dls_bit_for_bit(parameters, make):
    check_equal(lambda module: make(module, parameters), IMAGES)


@pytest.mark.parametrize("dynamics", [True, False])
def test_an_affine_block_at_dt_1_is_lava_dls_bit_for_bit(parameters, spikes, dynamics):
    check_equal(lambda module: module.Affine(parameters, 40, 30, dynamics=dynamics), spikes)


def test_a_persistent_state_goes_on_as_lava_dls(parameters, spikes):
    def make(module):
        return module.Dense({**parameters, "persistent_state": True}, 40, 30, weight_scale=3)

    with torch.no_grad():
        expected, given = (
            torch.cat([block(part) for part in spikes.split(25, -1)], -1)
            for block in ((torch.manual_seed(3), make(module))[1] for module in (slayer.block.cuba, cuba))
        )
    assert torch.equal(given, expected) and given.sum() > 0


# Sums of floats in another order: a few units of the last of 24 bits, relative to the largest entry.
ROUNDING = 1e-5


def check_equal(make, x):
    """The same spikes; gradients to the rounding of their sums, which run over spikes instead of steps."""
    expected, given = outcome(slayer.block.cuba, make, x), outcome(cuba, make, x)
    assert torch.equal(given[0], expected[0]) and given[0].abs().sum() > 0
    assert given[2].keys() == expected[2].keys()
    for theirs, ours in (
        (expected[1], given[1]),
        *((gradient, given[2][name]) for name, gradient in expected[2].items()),
    ):
        assert (theirs is None) == (ours is None)
        assert theirs is None or (ours - theirs).abs().max() <= ROUNDING * theirs.abs().max()


def test_a_state_dictionary_of_lava_dl_loads(parameters):
    theirs = slayer.block.cuba.Dense(parameters, 40, 30, weight_norm=True)
    ours = cuba.Dense(parameters, 40, 30, weight_norm=True, timestep=Timestep(4))
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.synapse.weight_v, theirs.synapse.weight_v)


def test_the_count_log_that_raises_in_lava_dl_gives_the_share_of_spikes(parameters, spikes):
    def make(module):
        torch.manual_seed(3)
        return module.Dense(parameters, 40, 30, weight_scale=3, count_log=True)

    with pytest.raises(RuntimeError):
        make(slayer.block.cuba)(spikes)
    y, rate = make(cuba)(spikes)
    assert rate.item() == pytest.approx(y.mean().item()) and rate > 0


@pytest.mark.parametrize("step", [Timestep(), Timestep(4), Timestep(4, clock="coarse")])
def test_an_input_block_without_neurons_that_raises_in_lava_dl_passes_its_input_on(spikes, step):
    with pytest.raises(AttributeError):
        slayer.block.cuba.Input()(spikes)
    block = cuba.Input(timestep=step)
    y = block(spikes)
    assert torch.equal(y[..., 1:], spikes[..., :-1]) and (y[..., 0] == 0).all()
    assert block.shape == (40,)


def test_the_timestep_is_a_key_or_an_argument_but_not_two(parameters):
    step = Timestep(4)
    by_key = cuba.Dense({**parameters, "timestep": step}, 40, 30)
    by_argument = cuba.Dense(parameters, 40, 30, timestep=step)
    by_name = cuba.Dense(neuron_params={**parameters, "timestep": step}, in_neurons=40, out_neurons=30)
    assert by_key.neuron.timestep == by_argument.neuron.timestep == by_name.timestep == step
    assert isinstance(by_key.neuron, Neuron)
    with pytest.raises(ValueError, match="give the timestep once"):
        cuba.Dense({**parameters, "timestep": step}, 40, 30, timestep=Timestep(2))
    assert cuba.Dense({**parameters, "timestep": None}, 40, 30, timestep=step).timestep == step
    with pytest.raises(TypeError, match=r"pass a lava_dt.Timestep"):
        cuba.Dense(parameters, 40, 30, timestep=4)


def test_a_decay_beyond_the_scheme_is_refused_by_block_and_neuron(parameters):
    with pytest.raises(ValueError, match=r"current_decay is 0.25 and dt is 10: forward_euler"):
        cuba.Dense({**parameters, "timestep": Timestep(10)}, 40, 30)
    with pytest.raises(ValueError, match=r"current_decay is 1.2: a decay is the fraction"):
        Neuron(1.25, 1.2, 0.03)
    with pytest.raises(ValueError, match=r"voltage_decay is 0.3 and dt is 4"):
        Neuron(1.25, 0.1, (0.1, 0.3), shared_param=False, timestep=Timestep(4))


def test_shapes_that_do_not_fit_are_refused_in_words(parameters):
    neuron = Neuron(**parameters)
    neuron(torch.zeros(1, 5, 10))
    with pytest.raises(ValueError, match=r"the input is for neurons of shape \(6,\) but these have shape \(5,\)"):
        neuron(torch.zeros(1, 6, 10))
    with pytest.raises(ValueError, match=r"it needs \(batch, neuron..., time\)"):
        Neuron(**parameters)(torch.zeros(5, 10))
    block = cuba.Dense(parameters, 5, 4, delay=True)
    block.delay.init = True
    block.delay.delay.data = torch.zeros(3)
    with pytest.raises(ValueError, match="the block has 3 delays but 4 channels"):
        block(torch.zeros(1, 5, 10))


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (torch.zeros(1, 6, 10), ValueError, r"\(1, 6, 10\) but the block was made for 5 neurons"),
        (torch.zeros(6, 10), ValueError, r"\(6, 10\): Dense takes \(batch, neuron, time\)"),
        (torch.zeros(1, 5, 10, dtype=torch.int64), TypeError, r"int64 but the block is torch.float32"),
        (torch.zeros(1, 5, 10, dtype=torch.float64), TypeError, r"convert the input with .to\(torch.float32\)"),
        (torch.zeros(1, 5, 0), ValueError, "at least one sample, neuron and step"),
        ([[1.0]], TypeError, "the input is a list"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_in_words(parameters, x, error, says):
    for step in (Timestep(), Timestep(4)):
        with pytest.raises(error, match=says):
            cuba.Dense(parameters, 5, 4, timestep=step)(x)


def test_images_are_asked_for_where_they_are_needed(parameters):
    with pytest.raises(ValueError, match=r"Conv takes \(batch, channel, height, width, time\)"):
        cuba.Conv(parameters, 2, 4, 3)(torch.zeros(1, 2, 10))
    with pytest.raises(TypeError, match="neuron_params is 5"):
        cuba.Dense(5, 40, 30)


def test_a_threshold_that_would_be_rounded_to_nothing_is_refused(parameters):
    for make in (lambda p: Neuron(**p), lambda p: cuba.Dense(p, 5, 4)):
        with pytest.raises(ValueError, match=r"threshold is 0.01, which is less than one integer"):
            make({**parameters, "threshold": 0.01})
        with pytest.raises(ValueError, match="threshold is -1"):
            make({**parameters, "threshold": -1})


def test_the_spread_around_a_shared_decay_stays_in_the_range_the_timestep_takes(parameters):
    one = Neuron(1.25, 1.0, 0.03, shared_param=False)
    one(torch.zeros(1, 8, 3))
    assert one.cx_current_decay.max() <= 4096
    edge = Neuron(1.25, 0.25, 0.03, shared_param=False, timestep=Timestep(4))
    edge(torch.zeros(1, 8, 3))
    assert edge.cx_current_decay.max() <= 4096 and edge.current_decay.max() <= 1024


def test_a_state_dictionary_with_a_decay_out_of_range_is_refused(parameters):
    theirs = cuba.Dense({**parameters, "current_decay": 0.9}, 5, 4)
    with pytest.raises(RuntimeError, match=r"current_decay is 0.9 and dt is 4"):
        cuba.Dense(parameters, 5, 4, timestep=Timestep(4)).load_state_dict(theirs.state_dict())


def test_per_channel_decays_of_a_convolution_belong_to_its_channels(parameters):
    """lava-dl lays them along the width on the CPU."""
    block = cuba.Conv({**parameters, "shared_param": False, "current_decay": (0.1, 0.5)}, 2, 4, 3, weight_scale=4)
    y = block(IMAGES)
    assert y.sum() > 0 and block.neuron.current_decay.shape == (4,)
    single = Neuron(**{**parameters, "current_decay": block.neuron.current_decay[1].item() / 4096})
    z = block.synapse(IMAGES)[:, 1:2]
    assert torch.equal(single(z)[..., :-1], y[:, 1:2, ..., 1:])
