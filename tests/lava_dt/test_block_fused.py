"""A layer in one pass is its parts one after the other: the same spikes, and gradients to rounding."""

import copy

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep, rebin
from lava_dt.block import arriving, cuba, stepped
from lava_dt.synapse import plan

# Sums of floats in another order: a few units of the last of 24 bits, relative to the largest entry.
ROUNDING = 1e-5

STEPS = {
    "dt 1": None,
    "held": Timestep(4, scheme="exponential"),
    "coarse": Timestep(4, clock="coarse", scheme="exponential", reset="soft", gain="integral"),
    "drop": Timestep(3, scheme="bilinear", between="drop"),
}
NETS = {
    "dense": lambda p: [
        cuba.Dense(p, 288, 30, weight_norm=True, weight_scale=6),
        cuba.Dense(p, 30, 8, weight_scale=12),
    ],
    "delays": lambda p: [
        cuba.Dense(p, 288, 30, weight_norm=True, weight_scale=6, delay=True),
        cuba.Dense(p, 30, 8, weight_scale=12, delay_shift=False),
    ],
    "dropout": lambda p: [
        cuba.Dense({**p, "dropout": slayer.neuron.Dropout(p=0.5)}, 288, 30, weight_scale=6),
        cuba.Dense(p, 30, 8, weight_scale=12),
    ],
    "images": lambda p: [
        cuba.Conv(p, 2, 4, 3, padding=1, weight_scale=3),
        cuba.Pool(p, 2, weight_scale=0.5),
        cuba.ConvT(p, 4, 3, 3, stride=2, weight_scale=4, weight_norm=True),
        cuba.Pool(p, 2, weight_scale=0.5, delay=True),
        cuba.Unpool(p, 2, weight_scale=2),
        cuba.Flatten(),
        cuba.Dense(p, 588, 8, weight_scale=2),
    ],
    "channels of their own": lambda p: [
        cuba.Conv({**p, "shared_param": False, "current_decay": (0.05, 0.2)}, 2, 4, 3, weight_scale=3),
        cuba.Flatten(),
        cuba.Dense({**p, "shared_param": False, "voltage_decay": (0.02, 0.1)}, 400, 8, weight_scale=3),
    ],
}
IMAGES = (torch.rand(3, 2, 12, 12, 50, generator=torch.Generator().manual_seed(8)) < 0.08).float()


def run(make, parameters, step, x, in_parts, monkeypatch):
    torch.manual_seed(3)
    net = torch.nn.Sequential(*make({**parameters, "current_decay": 0.1, "timestep": step}))
    if step is not None and step.between == "drop":  # a hop takes spikes off the grid: the next layer drops them all
        net = net[:1]
    with monkeypatch.context() as patched:
        if in_parts:
            patched.setattr(stepped, "fused", lambda block, x: None)
        torch.manual_seed(4)
        y = net(x)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    return y, {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("largest_density", [0.0, 1.0], ids=["product", "spike by spike"])
def test_one_pass_is_the_parts_one_after_the_other(parameters, make, step, largest_density, monkeypatch):
    for kind in (plan._Dense, plan._Convolution, plan._Transposed, plan._Pooling):
        monkeypatch.setattr(kind, "largest_density", largest_density)
    x = IMAGES if step is None or step.held else rebin(IMAGES, step.dt)
    if isinstance(make({**parameters, "current_decay": 0.1})[0], cuba.Dense):
        x = x.flatten(1, -2)
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    once = run(make, parameters, step, inputs[0], False, monkeypatch)
    parts = run(make, parameters, step, inputs[1], True, monkeypatch)
    assert torch.equal(once[0], parts[0]) and once[0].sum() > 0
    assert once[1].keys() == parts[1].keys()
    check_close(inputs[0].grad, inputs[1].grad)
    for name, gradient in parts[1].items():
        check_close(once[1][name], gradient)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_sparse_input_is_dense_input(parameters, make, step, monkeypatch):
    x = IMAGES if step is None or step.held else rebin(IMAGES, step.dt)
    if isinstance(make({**parameters, "current_decay": 0.1})[0], cuba.Dense):
        x = x.flatten(1, -2)
    dense = run(make, parameters, step, x, False, monkeypatch)
    coalesced = x.to_sparse()
    doubled = torch.sparse_coo_tensor(
        torch.cat([coalesced.indices(), coalesced.indices().flip(1)], 1),
        torch.cat([coalesced.values() * 2, -coalesced.values().flip(0)]),
        x.shape,
        check_invariants=True,
    )
    for sparse in (coalesced, doubled):
        assert not sparse.requires_grad
        given = run(make, parameters, step, sparse, False, monkeypatch)
        assert torch.equal(given[0], dense[0]) and dense[0].sum() > 0
        for name, gradient in dense[1].items():
            check_close(given[1][name], gradient)


def test_every_block_takes_sparse_input(parameters):
    images, lists = IMAGES, IMAGES.flatten(1, -2)
    blocks = [
        (cuba.Input(), images),
        (cuba.Input(parameters, weight=2.0), lists),
        (cuba.Flatten(), images),
        (cuba.Affine(parameters, 288, 5), lists),
        (cuba.Dense({**parameters, "norm": slayer.neuron.norm.MeanOnlyBatchNorm}, 288, 5), lists),
        (cuba.Conv(parameters, 2, 3, 3, pre_hook_fx=lambda weight: weight), images),
    ]
    for block, x in blocks:
        expected, given = block(x), block(x.to_sparse())
        assert torch.equal(given.to_dense() if given.is_sparse else given, expected), block


def test_a_hook_on_the_neuron_or_the_synapse_is_called(parameters):
    x = IMAGES.flatten(1, -2)
    for step in STEPS.values():
        block = cuba.Dense(parameters | {"current_decay": 0.1}, 288, 9, weight_scale=3, timestep=step)
        seen = x if step is None or step.held else rebin(x, step.dt)
        expected = block(seen)
        for part in (block.neuron, block.synapse):
            outputs = []
            handle = part.register_forward_hook(lambda *called, outputs=outputs: outputs.append(called[2]))
            assert torch.equal(block(seen), expected)
            handle.remove()
            assert len(outputs) == 1 and outputs[0].shape[1] == 9
        assert expected.sum() > 0


@pytest.mark.parametrize("change", ["dilation", "another synapse"])
def test_a_synapse_that_is_changed_or_replaced_is_followed_as_it_is(parameters, change):
    torch.manual_seed(2)
    blocks = [library.Conv(dict(parameters), 2, 4, 3, weight_scale=3) for library in (slayer.block.cuba, cuba)]
    blocks[1].load_state_dict(blocks[0].state_dict())
    before = blocks[1](IMAGES)
    another = slayer.synapse.Conv(2, 4, 5, padding=1, weight_scale=3)
    for block in blocks:
        if change == "dilation":
            block.synapse.dilation, block.synapse.padding = (2, 2, 1), (1, 1, 0)
        else:
            block.synapse = copy.deepcopy(another)
            block.synapse.pre_hook_fx = block.neuron.quantize_8bit
    theirs, ours = (block(IMAGES) for block in blocks)
    assert theirs.sum() > 0
    assert torch.equal(theirs, ours)
    assert not torch.equal(before, ours)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        ("Dense", "bias", torch.rand(30)),
        ("Conv", "bias", torch.full((4,), 0.3)),
        ("ConvT", "output_padding", (1, 1, 0)),
        ("Conv", "stride", (1, 1, 2)),
        ("Conv", "stride", [2, 2, 1]),
        ("Conv", "padding", "same"),
    ],
)
def test_what_a_synapse_was_given_beside_lava_dls_arguments_acts_as_there(parameters, block, name, value, sparse):
    options = {"Dense": (288, 30), "Conv": (2, 4, 3), "ConvT": (2, 4, 3, 2)}[block]
    x = IMAGES if block != "Dense" else IMAGES.flatten(1, 3)
    x = x.to_sparse() if sparse else x
    torch.manual_seed(6)
    theirs, ours = (
        getattr(lib, block)(dict(parameters), *options, weight_scale=5) for lib in (slayer.block.cuba, cuba)
    )
    ours.load_state_dict(theirs.state_dict())
    for one in (theirs, ours):
        setattr(one.synapse, name, torch.nn.Parameter(value) if name == "bias" else value)
    expected = theirs(x.to_dense())
    assert expected.sum() > 0
    assert torch.equal(expected, ours(x))


def test_a_list_of_strides_that_is_changed_is_followed(parameters):
    torch.manual_seed(6)
    block = cuba.Conv(dict(parameters), 2, 4, 3, weight_scale=5)
    block.synapse.stride = [1, 1, 1]
    assert block(IMAGES).shape[2:4] == (10, 10)
    block.synapse.stride[0] = 2
    with pytest.raises(ValueError, match=r"for neurons of shape \(4, 5, 10\)"):
        block(IMAGES)


def test_a_mask_holds_with_weight_normalisation_too(parameters):
    x = IMAGES.flatten(1, -2)
    mask = torch.ones(9, 288)
    mask[:, 100:] = 0
    for hook in ({}, {"pre_hook_fx": lambda weight: weight}):
        block = cuba.Dense(parameters, 288, 9, weight_norm=True, weight_scale=3, mask=mask, **hook)
        silenced = x.clone()
        silenced[:, 100:] = 0
        y = block(x)
        assert torch.equal(y, block(silenced)) and y.sum() > 0
        y.sum().backward()
        assert (block.synapse.weight_v.grad[:, :100] != 0).any()


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_values_that_are_no_whole_numbers_are_multiplied_as_lava_dl_does(parameters, kind):
    x = torch.rand(4, 2, 12, 12, 60)
    outputs = []
    for module in (slayer.block.cuba, cuba):
        torch.manual_seed(3)
        if kind == "dense":
            outputs.append(module.Dense(parameters, 288, 300, weight_scale=2)(x.flatten(1, -2)))
        else:
            outputs.append(module.Conv(parameters, 2, 16, 3)(x))
    assert torch.equal(*outputs) and outputs[0].sum() > 1000


def check_close(given, expected):
    assert (given - expected).abs().max() <= ROUNDING * expected.abs().max()


@pytest.mark.parametrize("scale", [6, 100])
@pytest.mark.parametrize("make", [lambda p, s: cuba.Dense(p, 288, 70, weight_norm=True, weight_scale=s),
                                  lambda p, s: cuba.Conv(p, 2, 6, 3, weight_norm=True, weight_scale=s)])  # fmt: skip
def test_weight_normalisation_has_the_gradients_of_torch(make, scale, parameters, monkeypatch):
    x = IMAGES if make(parameters, 1).synapse.in_channels == 2 else IMAGES.flatten(1, 3)
    found = []
    for fits in (arriving.fits, lambda v, g: False):
        monkeypatch.setattr(arriving, "fits", fits)
        torch.manual_seed(5)
        block = make(parameters, scale)
        synapse, told = block.synapse, []
        synapse.weight_v.register_hook(lambda grad, told=told: told.append("v"))
        synapse.weight_g.register_hook(lambda grad, told=told: told.append("g"))
        y = block(x)
        torch.manual_seed(6)
        loss = (y * torch.randn(y.shape)).sum()
        inner = torch.autograd.grad(loss, synapse.weight, retain_graph=True)[0]
        asked = torch.autograd.grad(loss, (synapse.weight_v, synapse.weight_g), retain_graph=True)
        loss.backward()
        assert sorted(told) == ["g", "g", "v", "v"]
        assert torch.equal(asked[0], synapse.weight_v.grad)
        assert torch.equal(asked[1], synapse.weight_g.grad)
        found.append((y, synapse.weight.detach(), inner, *asked))
    ours, theirs = found
    beyond = theirs[1].abs().max() * block.neuron.w_scale / 2 > 128
    assert beyond == (scale == 100)
    assert theirs[0].any()
    assert all(torch.equal(*pair) for pair in list(zip(ours, theirs, strict=True))[:3])
    assert all((a - b).abs().max() <= 1e-6 * b.abs().max() for a, b in list(zip(ours, theirs, strict=True))[3:])
