"""lava-dl's own blocks, neurons and integrator with a timestep: refused without the patch, taken with it."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import patches
from patches.registry import PATCHES

torch = pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")
block = importlib.import_module("lava.lib.dl.slayer.block.cuba")
cuba = importlib.import_module("lava.lib.dl.slayer.neuron.cuba")
leaky_integrator = importlib.import_module("lava.lib.dl.slayer.neuron.dynamics.leaky_integrator")

PATCH = "lava-dl-timestep"
SCALE = 1 << 12
NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.1, "scale_grad": 2}

BLOCKS: dict[str, Callable[..., Any]] = {
    "Input": functools.partial(block.Input, weight=1.0, bias=0.0),
    "Affine": functools.partial(block.Affine, in_neurons=6, out_neurons=4),
    "Dense": functools.partial(block.Dense, in_neurons=6, out_neurons=4, weight_norm=True, delay=True),
    "Conv": functools.partial(block.Conv, in_features=2, out_features=3, kernel_size=3),
    "ConvT": functools.partial(block.ConvT, in_features=2, out_features=3, kernel_size=3),
    "Pool": functools.partial(block.Pool, kernel_size=2),
    "Unpool": functools.partial(block.Unpool, kernel_size=2),
    "KWTA": functools.partial(block.KWTA, in_neurons=6, out_neurons=4, num_winners=2),
    "Recurrent": functools.partial(block.Recurrent, in_neurons=6, out_neurons=4),
}


class Step:
    """A timestep of somebody else's: it notes what it is given."""

    def __init__(self) -> None:
        self.adopted: list[Any] = []

    def adopt(self, module: Any) -> None:
        assert isinstance(module, torch.nn.Module)
        self.adopted.append(module)

    def integrate(self, input: Any, decay: Any, state: Any, w_scale: int, threshold: float | None) -> tuple[Any, ...]:
        return input, decay, state, w_scale, threshold


@pytest.fixture(autouse=True)
def unpatched(as_it_was: None) -> Iterator[None]:
    patches.revert(PATCH)
    yield


def whole_of_slayer() -> dict[str, Any]:
    """Every attribute of every module and class of slayer, by its full name."""
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("lava.lib.dl.slayer"):
            for key, value in vars(module).items():
                found[f"{name}:{key}"] = value
                if isinstance(value, type) and value.__module__ == name:
                    found.update({f"{name}:{key}.{inner}": own for inner, own in vars(value).items()})
    return found


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_takes_the_key_when_patched_and_only_then(name: str) -> None:
    step = Step()
    with pytest.raises(TypeError, match="unexpected keyword argument 'timestep'"):
        BLOCKS[name](neuron_params={**NEURON, "timestep": step})
    with patches.applied(PATCH):
        parameters = {**NEURON, "timestep": step}
        made = BLOCKS[name](neuron_params=parameters)
        assert parameters["timestep"] is step  # the caller's dictionary is the caller's
        assert step.adopted == [made]  # finished, and once
        assert type(made.neuron) is cuba.Neuron
        assert not hasattr(made, "neuron_params")
        assert BLOCKS[name](neuron_params=parameters, timestep=step) is step.adopted[-1]
        # copies, for lava-dl's KWTA and Recurrent write into the dictionary
        BLOCKS[name](neuron_params={**NEURON})
        BLOCKS[name](neuron_params={**NEURON, "timestep": None})
    assert len(step.adopted) == 2
    BLOCKS[name](neuron_params={**NEURON})


def test_every_block_with_neurons_is_known_to_the_patch() -> None:
    base = block.AbstractCuba
    with_neurons = {name for name, value in vars(block).items() if isinstance(value, type) and base in value.__bases__}
    assert with_neurons == set(BLOCKS)
    assert {change.attribute for change in PATCHES[PATCH].changes if change.module == block.__name__} == {
        f"{name}.__init__" for name in BLOCKS
    }


def test_positional_parameters_subclasses_and_blocks_without_neurons() -> None:
    class Mine(block.Dense):  # type: ignore[misc, name-defined]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.gain = 2

    step = Step()
    with patches.applied(PATCH):
        made = [block.Dense({**NEURON, "timestep": step}, 6, 4), Mine(NEURON, 6, 4, timestep=step)]
        made += [block.Input(timestep=step), cuba.Neuron(1.25, 0.25, 0.03, timestep=step)]
    assert step.adopted == made


def test_the_integrator_hands_its_arguments_to_the_timestep() -> None:
    x, decay, state = torch.ones(1, 1, 3), torch.zeros(1), torch.zeros(1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'timestep'"):
        leaky_integrator.dynamics(x, decay, state, SCALE, timestep=Step())
    upstream = leaky_integrator.dynamics(x, decay, state, SCALE, 1.5)
    with patches.applied(PATCH):
        assert leaky_integrator.dynamics(x, decay, state, SCALE, 1.5, timestep=Step()) == (x, decay, state, SCALE, 1.5)
        assert torch.equal(leaky_integrator.dynamics(x, decay, state, SCALE, 1.5, False), upstream)


def test_what_is_no_timestep_is_refused_in_words() -> None:
    with patches.applied(PATCH):
        for make in (
            lambda: block.Dense({**NEURON, "timestep": 4}, 6, 4),
            lambda: cuba.Neuron(1.25, 0.25, 0.03, timestep=4),
        ):
            with pytest.raises(TypeError) as refusal:
                make()
            assert str(refusal.value) == (
                "timestep is 4, which has no method 'adopt': pass a lava_dt.Timestep, for instance Timestep(dt=4)"
            )
        with pytest.raises(TypeError, match="timestep is 4, which has no method 'integrate'"):
            leaky_integrator.dynamics(torch.ones(1, 1, 3), torch.zeros(1), torch.zeros(1), SCALE, timestep=4)
        with pytest.raises(ValueError, match=r"its neuron parameters .*: give the timestep once"):
            block.Dense({**NEURON, "timestep": Step()}, 6, 4, timestep=Step())


def network_and_input(shape: str, module: Any, **key: Any) -> tuple[Any, Any]:
    """A network of the given blocks with its weights, delays and spikes fixed."""
    torch.manual_seed(11)
    parameters = {**NEURON, **key}
    if shape == "dense":
        layers = [
            module.Dense(parameters, 20, 16, weight_scale=3, weight_norm=True, delay=True),
            module.Dense(parameters, 16, 5, weight_scale=3),
        ]
        spikes = (torch.rand(3, 20, 43) < 0.3).float()
    else:
        layers = [
            module.Conv(parameters, 2, 4, 3, weight_scale=4),
            module.Pool(parameters, 2),
            module.Flatten(),
            module.Dense(parameters, 16, 5, weight_scale=4),
        ]
        spikes = (torch.rand(2, 2, 6, 6, 43) < 0.4).float()
    return torch.nn.Sequential(*layers), spikes


def trained_once(network: Any, spikes: Any) -> list[Any]:
    """Spikes, and the gradient of every parameter that learns."""
    torch.manual_seed(12)  # delays are drawn at the first call
    out = network(spikes)
    (out * torch.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
    return [out.detach(), *(parameter.grad for parameter in network.parameters() if parameter.requires_grad)]


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


@pytest.mark.parametrize("clock", ["held", "coarse"])
@pytest.mark.parametrize("shape", ["dense", "conv"])
def test_a_network_of_slayers_blocks_steps_as_one_of_lava_dts(shape: str, clock: str) -> None:
    from lava_dt.block import cuba as ours

    step = lava_dt.Timestep(dt=4, clock=clock, scheme="exponential", gain="integral")
    expected_network, spikes = network_and_input(shape, ours, timestep=step)
    if clock == "coarse":
        spikes = lava_dt.rebin(spikes, 4)
    expected = trained_once(expected_network, spikes)
    with patches.applied(PATCH):
        network, _ = network_and_input(shape, block, timestep=step)
    assert same(trained_once(network, spikes), expected)  # also after the revert
    assert expected[0].sum() > 0
    assert list(network.state_dict()) == list(expected_network.state_dict())


def test_a_neuron_of_slayer_steps_as_one_of_lava_dts() -> None:
    step = lava_dt.Timestep(dt=3, scheme="exponential")
    x = torch.randint(-40, 80, (2, 3, 25), generator=torch.Generator().manual_seed(7)) / 64
    with patches.applied(PATCH):
        neuron = cuba.Neuron(1.25, 0.25, 0.03, timestep=step)
    assert torch.equal(neuron(x), lava_dt.Neuron(1.25, 0.25, 0.03, timestep=step)(x))


def test_slayers_integrator_steps_with_the_decay_and_the_input_of_a_bin() -> None:
    step = lava_dt.Timestep(dt=3, scheme="exponential")
    x = torch.randint(-40, 80, (2, 3, 25), generator=torch.Generator().manual_seed(7)) / 64
    decay, state = torch.tensor([1024.0]), torch.zeros(1)
    of_three = torch.round((1 - (1 - decay / 4096) ** 3) * 4096)
    for threshold in (None, 1.25 + 0.01 / SCALE):
        with patches.applied(PATCH):
            held = leaky_integrator.dynamics(x, decay, state, SCALE, threshold, timestep=step)
            fine = leaky_integrator.dynamics(x, decay, state, SCALE, threshold, timestep=lava_dt.Timestep())
        assert torch.equal(fine, leaky_integrator.dynamics(x, decay, state, SCALE, threshold))
        bins = leaky_integrator.dynamics(lava_dt.rebin(x, 3), of_three, state, SCALE, threshold)
        assert torch.equal(held[..., 2::3], bins[..., :-1])
        assert torch.equal(held[..., -1], bins[..., -1])


@pytest.mark.parametrize("others", [(), ("lava-dl-fixes",)])
def test_at_one_step_and_without_one_the_network_is_upstreams(others: tuple[str, ...]) -> None:
    expected = trained_once(*network_and_input("dense", block))
    for other in others:
        patches.apply(other)
    with patches.applied(PATCH):
        assert same(trained_once(*network_and_input("dense", block)), expected)
        at_one = trained_once(*network_and_input("dense", block, timestep=lava_dt.Timestep()))
    assert torch.equal(at_one[0], expected[0])
    for one, upstream in zip(at_one[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, upstream, rtol=1e-4, atol=1e-5)  # float32 sums in another order


@pytest.mark.parametrize(
    "applied",
    [
        [(PATCH, {})],
        [("lava-dl-fixes", {}), (PATCH, {}), ("published-protocol", {"dt": 3, "backward": "cuda"})],
        [("published-protocol", {"dt": 3}), (PATCH, {}), ("lava-dl-fixes", {})],
    ],
)
def test_reverted_lava_dl_is_itself_to_the_last_attribute(applied: list[tuple[str, dict[str, Any]]]) -> None:
    for name, _ in applied:
        patches.revert(name)
    before, spikes = whole_of_slayer(), trained_once(*network_and_input("dense", block))
    for name, options in applied:
        patches.apply(name, **options)
    changed = {name for name, value in whole_of_slayer().items() if before.get(name) is not value}
    assert f"{block.__name__}:Dense.__init__" in changed
    for name, _ in applied:  # in the order in which they came
        patches.revert(name)
    after = whole_of_slayer()
    assert {name for name, value in after.items() if before.get(name) is not value} == set()
    assert set(before) == set(after)
    assert same(trained_once(*network_and_input("dense", block)), spikes)
