"""A network of lava-dl converts in place to any timestep, and back."""

import copy
import io

import pytest
import torch
from lava.lib.dl import slayer

import lava_dt
from lava_dt import Timestep, discretize
from lava_dt.block import cuba
from lava_dt.block.stepped import Stepped
from lava_dt.neuron import Neuron

NORM = {"norm": slayer.neuron.norm.MeanOnlyBatchNorm}
IMAGES = (torch.rand(2, 2, 10, 10, 40, generator=torch.Generator().manual_seed(8)) < 0.1).float()


class Net(torch.nn.Module):
    """Users keep blocks in modules of their own."""

    def __init__(self, module, parameters, images=True):
        super().__init__()
        torch.manual_seed(3)
        first = [module.Conv(parameters, 2, 4, 3, weight_scale=4, weight_norm=True, delay=True)]
        first += [module.Pool(parameters, 2, weight_scale=0.5), module.Flatten()]
        if not images:  # lava-dl lays decays of the channels along the width
            first = [module.Flatten(), module.Dense(parameters, 200, 64, weight_scale=4)]
        self.blocks = torch.nn.ModuleList(
            [*first, module.Dense(parameters, 64, 20, weight_scale=4, weight_norm=True, delay=True)]
        )
        self.head = module.Affine(parameters, 20, 3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x, self.head(x)


@pytest.fixture
def theirs(parameters):
    net = Net(slayer.block.cuba, parameters)
    torch.manual_seed(4)
    net(IMAGES)  # draws the delays
    return net


def test_a_converted_network_is_the_one_written_with_the_timestep(parameters, theirs):
    for step in (Timestep(4, scheme="exponential", gain="integral"), Timestep(4, clock="coarse", scheme="bilinear")):
        ours = Net(cuba, {**parameters, "timestep": step})
        ours.load_state_dict(theirs.state_dict())
        x = IMAGES if step.held else lava_dt.rebin(IMAGES, 4)
        expected, given = ours(x), discretize(theirs, step)(x)
        assert torch.equal(given[0], expected[0]) and torch.equal(given[1], expected[1]) and given[0].sum() > 0
        assert all(type(a) is type(b) for a, b in zip(theirs.modules(), ours.modules(), strict=True) if a is not theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda module, p: module.Recurrent(dict(p), 40, 10, weight_scale=4, delay=True),
        lambda module, p: module.KWTA(dict(p), 40, 10, 3, weight_scale=4),
        lambda module, p: module.Input(p, weight=2.0, bias=0.1),
        lambda module, p: module.Input(),
    ],
    ids=["Recurrent", "KWTA", "Input", "Input without neurons"],
)
def test_blocks_of_every_kind_convert(parameters, spikes, make):
    step = Timestep(4, scheme="exponential", gain="integral")
    results = []
    for module, options in ((slayer.block.cuba, {}), (cuba, {"timestep": step})):
        torch.manual_seed(3)
        block = make(module, {**parameters, **options})
        torch.manual_seed(4)
        results.append(discretize(block, step)(spikes))
    assert torch.equal(*results) and results[0].sum() > 0


def test_objects_parameters_hooks_and_keys_stay(theirs):
    before = [(name, id(p)) for name, p in theirs.named_parameters()]
    modules, keys = list(map(id, theirs.modules())), list(theirs.state_dict())
    seen = []
    theirs.blocks[3].register_forward_hook(lambda module, x, y: seen.append(y))
    assert discretize(theirs, 4) is theirs
    assert [(name, id(p)) for name, p in theirs.named_parameters()] == before
    assert list(map(id, theirs.modules())) == modules and list(theirs.state_dict()) == keys
    theirs(IMAGES)[1].sum().backward()
    assert len(seen) == 1 and (dict(theirs.named_parameters())["head.synapse.weight"].grad != 0).any()


def test_a_number_means_the_held_clock_exponential_decays_and_the_integral_gain(theirs):
    discretize(theirs, 4)
    assert theirs.blocks[0].timestep == Timestep(4, clock="held", scheme="exponential", gain="integral")
    assert theirs.blocks[0].neuron.timestep == theirs.head.timestep == theirs.blocks[0].timestep
    with pytest.raises(TypeError, match=r"dt is 2.5: a Timestep counts fine steps"):
        discretize(theirs, 2.5)


@pytest.mark.parametrize("options", [{}, NORM, {"shared_param": False}, {"persistent_state": True}])
@torch.no_grad()  # in which lava-dl keeps a persistent state
def test_there_and_back_is_lava_dl_bit_for_bit_and_doing_it_again_changes_nothing(parameters, options):
    theirs, ours = (Net(slayer.block.cuba, {**parameters, **options}, images=False) for _ in range(2))
    states = []
    for net in (theirs, ours):
        torch.manual_seed(4)
        net(IMAGES)
    discretize(ours, Timestep(7, scheme="exponential"))
    states.append(copy.deepcopy(ours.state_dict()))
    discretize(ours, Timestep(7, scheme="exponential"))
    states.append(ours.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    discretize(discretize(ours, Timestep(3, scheme="bilinear")), Timestep())
    for a, b in zip(theirs.state_dict().values(), ours.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    if options.get("persistent_state"):  # theirs goes on from its first call, ours was reset
        theirs = discretize(theirs, Timestep(2, scheme="exponential"))
        discretize(theirs, Timestep())
    assert all(torch.equal(a, b) for a, b in zip(theirs(IMAGES), ours(IMAGES), strict=True))


def test_a_range_of_decays_is_cut_when_drawn_and_not_before(parameters):
    parameters = {**parameters, "shared_param": False, "current_decay": 0.24}
    torch.manual_seed(3)
    neuron = slayer.neuron.cuba.Neuron(**parameters)
    discretize(discretize(neuron, Timestep(4)), Timestep())
    assert neuron.current_decay_max == 0.24 * 1.01


@pytest.mark.parametrize("convert_first", [True, False])
@pytest.mark.parametrize("through_file", [True, False])
def test_what_lava_dl_saved_loads_before_and_after_and_is_not_drawn_again(parameters, convert_first, through_file):
    options = {"shared_param": False, "current_decay": (0.1, 0.2), "voltage_decay": (0.02, 0.05), **NORM}
    saved = Net(slayer.block.cuba, {**parameters, **options}, images=False)
    saved(IMAGES * 2)
    saved.blocks[2].delay.delay.data *= 9
    state = saved.state_dict()
    if through_file:
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
    fresh = Net(slayer.block.cuba, {**parameters, **options}, images=False)
    step = Timestep(4, scheme="exponential", gain="integral")
    discretize(fresh, step if convert_first else Timestep())
    fresh.load_state_dict(state)
    discretize(fresh, step)
    discretize(saved, step)
    for net in (saved, fresh):
        net.eval()
    assert all(torch.equal(a, b) for a, b in zip(saved(IMAGES), fresh(IMAGES), strict=True))
    assert saved(IMAGES)[0].sum() > 0
    assert torch.equal(saved.blocks[2].delay.delay, fresh.blocks[2].delay.delay)


def test_a_neuron_that_had_not_drawn_when_it_was_saved_draws_still(parameters):
    options = {**parameters, "shared_param": False}
    fresh = cuba.Dense(options, 40, 30, delay=True)
    fresh.load_state_dict(slayer.block.cuba.Dense(options, 40, 30, delay=True).state_dict())
    fresh(torch.zeros(1, 40, 5))
    assert fresh.neuron.current_decay.shape == fresh.delay.delay.shape == (30,)
    assert len(fresh.delay.delay.unique()) > 1


def test_the_mean_current_at_dt_is_that_of_dt_1_by_the_ratio_of_their_responses_to_a_constant(parameters):
    """A constant drive z gives z/alpha at dt = 1 and dt z/(1 - e_I) at dt."""
    x = torch.full((1, 3, 400), 0.5)
    for scheme in ("exponential", "backward_euler"):
        steps = Timestep(), Timestep(8, scheme=scheme)
        means = [Neuron(**parameters, timestep=step).dynamics(x)[0][0, :, -1] for step in steps]
        converted = Neuron(**parameters, **NORM)
        converted.norm.running_mean = means[0].clone()
        discretize(converted, steps[1])
        # integers of 1/4096, rounded toward zero at every step, and a 12-bit decay
        assert converted.norm.running_mean.tolist() == pytest.approx(means[1].tolist(), rel=2e-3)


def test_a_running_mean_saved_at_one_timestep_loads_at_another(parameters):
    def make(step):
        block = cuba.Dense({**parameters, **NORM, "timestep": step}, 4, 3)
        return block, block.neuron

    steps = Timestep(), Timestep(4, scheme="exponential"), Timestep(9, scheme="backward_euler")
    for saved_at in steps:
        block, neuron = make(saved_at)
        neuron.norm.running_mean = torch.tensor([1.0, 2, 3])
        state = block.state_dict()
        discretize(block, steps[1])
        for bare in (False, True):
            other, reader = make(steps[1])
            other.load_state_dict(dict(state) if bare else state)
            expected = torch.tensor([1.0, 2, 3]) if bare else neuron.norm.running_mean
            assert torch.equal(reader.norm.running_mean, expected)
    assert state["neuron.norm.running_mean"].tolist() == [1, 2, 3]  # the caller's dictionary is left alone


REFUSED = {
    "ALIF": (
        lambda p: slayer.neuron.alif.Neuron(1.25, *[0.1] * 5),
        TypeError,
        r"1 \(Neuron\): .*alif.Neuron, and only CuBa",
    ),
    "RF block": (
        lambda p: slayer.block.rf.Dense({"threshold": 1.0, "period": 5, "decay": 0.1}, 4, 3),
        TypeError,
        r"1.neuron \(Neuron\): .*rf.Neuron, and only CuBa neurons step by dt: use a CuBa neuron",
    ),
    "decay": (
        lambda p: slayer.block.cuba.Dense({**p, "current_decay": 0.9}, 4, 3),
        ValueError,
        r"1 \(Dense\): current_decay is 0.9 and dt is 4: forward_euler",
    ),
    "own neuron": (
        lambda p: type("Mine", (slayer.neuron.cuba.Neuron,), {})(**p),
        TypeError,
        r"1 \(Mine\): .* derive it from lava_dt.Neuron",
    ),
    "own forward": (
        lambda p: type("Mine", (slayer.block.cuba.Dense,), {"forward": lambda self, x: x})(p, 4, 3),
        TypeError,
        r"1 \(Mine\): Mine has a forward of its own.* derive it from lava_dt.block.cuba.Dense",
    ),
}


@pytest.mark.parametrize("make, error, says", REFUSED.values(), ids=REFUSED)
def test_either_all_layers_convert_or_none(parameters, make, error, says):
    first = slayer.block.cuba.Dense({**parameters, **NORM}, 4, 4, delay=True)
    first(torch.ones(1, 4, 9))
    net = torch.nn.Sequential(first, make(parameters), slayer.block.cuba.Dense(parameters, 4, 4))
    kinds, state = [type(part) for part in net.modules()], copy.deepcopy(net.state_dict())
    attributes = [dict(vars(part)) for part in net.modules()]
    with pytest.raises(error, match=says):
        discretize(net, Timestep(4))
    assert [type(part) for part in net.modules()] == kinds
    assert [set(vars(part)) for part in net.modules()] == [set(before) for before in attributes]
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


def test_what_has_nothing_to_convert_is_refused(parameters):
    with pytest.raises(ValueError, match="the network, a Sequential, has no CuBa block or neuron"):
        discretize(torch.nn.Sequential(torch.nn.Linear(2, 2), slayer.block.cuba.Flatten()), 4)
    with pytest.raises(TypeError, match=r"the network is a list: pass a torch.nn.Module"):
        discretize([slayer.block.cuba.Dense(parameters, 2, 2)], 4)
    with pytest.raises(TypeError, match=r"Linear is none of the CuBa blocks that lava_dt steps \(Affine, "):
        Timestep(4).adopt(torch.nn.Linear(2, 2))


class Wide(slayer.block.cuba.Dense):
    """A user's block that leaves forward to lava-dl's."""

    def __init__(self, parameters, neurons):
        super().__init__(parameters, neurons, 2 * neurons, weight_scale=4)

    def double(self):
        return 2 * self.synapse.out_channels


def test_a_subclass_that_leaves_forward_to_the_block_stays_what_it_is(parameters, spikes):
    block = Wide(parameters, 40)
    plain = cuba.Dense(parameters, 40, 80, timestep=Timestep(3, scheme="exponential"))
    plain.load_state_dict(block.state_dict())
    discretize(block, plain.timestep)
    assert isinstance(block, Wide) and isinstance(block, Stepped) and block.double() == 160
    assert type(block).__name__ == "Wide" and torch.equal(block(spikes), plain(spikes)) and plain(spikes).sum() > 0
    assert torch.equal(copy.deepcopy(block)(spikes), plain(spikes))
    file = io.BytesIO()
    torch.save(block, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert type(loaded) is type(block) and torch.equal(loaded(spikes), plain(spikes))


def test_adopting_is_in_place_for_a_block_or_a_neuron(parameters, spikes):
    step = Timestep(5, scheme="exponential", reset="soft")
    neuron = slayer.neuron.cuba.Neuron(**parameters)
    step.adopt(neuron)
    assert type(neuron) is Neuron and torch.equal(neuron(spikes * 2), Neuron(**parameters, timestep=step)(spikes * 2))
    block = slayer.block.cuba.Dense(parameters, 40, 4, delay=True)
    step.adopt(block)
    assert type(block) is cuba.Dense and type(block.neuron) is Neuron and block.timestep == step
    wrong = slayer.neuron.cuba.Neuron(1.25, 0.9, 0.03)
    with pytest.raises(ValueError, match=r"current_decay is 0.9 and dt is 5"):
        Timestep(5).adopt(wrong)
    assert type(wrong) is slayer.neuron.cuba.Neuron and not hasattr(wrong, "timestep")
