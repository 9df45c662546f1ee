"""Our blocks among lava-dl's tools: Assistant, losses, classifiers; and among torch's: saving, copies, autograd."""

import copy
import io
import pickle

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep, discretize, rebin
from lava_dt.block import cuba

STEPS = {
    "dt 1": Timestep(),
    "held": Timestep(4, scheme="exponential", gain="integral"),
    "coarse": Timestep(4, clock="coarse", scheme="exponential", gain="integral"),
}
TIMESTEPS = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def seen(x, step):
    return rebin(x, step.dt) if step.clock == "coarse" else x


class Network(torch.nn.Module):
    """Two layers; with ``max_rate`` also the penalty on rates above it, and the share of spikes of each layer."""

    def __init__(self, module, parameters, max_rate=None):
        super().__init__()
        log = max_rate is not None
        self.blocks = torch.nn.ModuleList(
            [
                module.Dense(parameters, 40, 30, weight_norm=True, weight_scale=3, delay=True, count_log=log),
                module.Dense(parameters, 30, 3, weight_norm=True, weight_scale=6, count_log=log),
            ]
        )
        self.max_rate = max_rate

    def forward(self, x):
        if self.max_rate is None:
            for block in self.blocks:
                x = block(x)
            return x
        enforcer, counts = slayer.loss.SparsityEnforcer(self.max_rate, lam=2.0), []
        for block in self.blocks:
            x, count = block(x)
            enforcer.append(x)
            counts.append(count)
        return x, enforcer.loss, torch.stack(counts)


def labelled_spikes(n=12, steps=60):
    """Three classes: a third of the inputs is more active in each."""
    labels = torch.arange(n) % 3
    rates = torch.full((n, 40), 0.05)
    for sample, label in enumerate(labels):
        rates[sample, 13 * label : 13 * label + 13] = 0.4
    chance = torch.rand(n, 40, steps, generator=torch.Generator().manual_seed(2))
    return (chance < rates.unsqueeze(-1)).float(), labels


@TIMESTEPS
@pytest.mark.parametrize("penalty", [False, True])
def test_the_assistant_trains_tests_and_validates(parameters, step, penalty):
    net = Network(cuba, {**parameters, "timestep": step}, 0.05 if penalty else None)
    x, labels = labelled_spikes()
    x = seen(x, step)
    net.device = x.device  # which Assistant.valid asks for
    net(x)  # draws the delays
    stats = slayer.utils.LearningStats()
    assistant = slayer.utils.Assistant(
        net,
        slayer.loss.SpikeRate(true_rate=0.3, false_rate=0.03, reduction="sum"),
        torch.optim.Adam(net.parameters(), lr=0.02),
        stats,
        classifier=slayer.classifier.Rate.predict,
        count_log=penalty,
        lam=0.5 if penalty else None,
    )
    for epoch in range(25):
        output = assistant.train(x, labels)
        if penalty:
            output, count = output
            assert count.shape == (2,) and count[1].item() == pytest.approx(output.mean().item())
        if epoch == 0:
            first = stats.training.loss
        stats.update()
    assistant.test(x, labels)
    assistant.valid(x, labels)
    assert output.shape[:2] == (12, 3)
    assert stats.testing.loss < 0.7 * first and stats.testing.accuracy > 0.6  # by chance a third
    assert stats.validation.accuracy == stats.testing.accuracy


def test_the_assistant_trains_our_network_as_it_trains_lava_dls(parameters):
    """Ten steps of plain descent: the same spikes, and weights to the rounding of sums."""
    x, labels = labelled_spikes()
    outcomes = []
    for module in (slayer.block.cuba, cuba):
        torch.manual_seed(3)
        net = Network(module, parameters)
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
        assistant = slayer.utils.Assistant(net, slayer.loss.SpikeRate(0.3, 0.03), optimizer)
        torch.manual_seed(4)
        outputs = torch.stack([assistant.train(x, labels).detach() for _ in range(10)])
        outcomes.append((outputs, net.blocks[0].synapse.weight_v.detach()))
    assert torch.equal(outcomes[0][0], outcomes[1][0]) and outcomes[0][0].sum() > 0
    assert torch.allclose(outcomes[0][1], outcomes[1][1], rtol=1e-5, atol=1e-6)


def rates_of(loss, *arguments, **options):
    return lambda: getattr(slayer.loss, loss)(*arguments, **options)


LABELS = torch.tensor([0, 2, 1, 0])
LOSSES = {
    "SpikeTime": (rates_of("SpikeTime", time_constant=4, length=20), (torch.rand(4, 3, 100) < 0.1).float()),
    "SpikeTime of second order": (
        rates_of("SpikeTime", time_constant=4, length=20, filter_order=2, reduction="mean"),
        (torch.rand(4, 3, 100) < 0.1).float(),
    ),
    "SpikeRate": (rates_of("SpikeRate", 0.2, 0.03), LABELS),
    "SpikeRate of a window": (rates_of("SpikeRate", 0.2, 0.03, moving_window=10), LABELS[:, None].expand(4, 100)),
    "SpikeMax": (rates_of("SpikeMax", mode="softmax"), LABELS),
    "SpikeMax of a window": (rates_of("SpikeMax", moving_window=10, mode="softmax"), LABELS),
    "SpikeMoid": (rates_of("SpikeMoid", alpha=0.5, theta=0.1), torch.eye(3)[LABELS]),
    "SpikeMoid of a window": (rates_of("SpikeMoid", moving_window=10, alpha=0.5), torch.eye(3)[LABELS]),
    "SparsityEnforcer": (None, None),
}


def gradients(make_loss, target, spikes):
    leaf = spikes.detach().requires_grad_()
    if make_loss is None:
        enforcer = slayer.loss.SparsityEnforcer(0.01, 3.0)
        enforcer.append(leaf)
        value = enforcer.loss
    else:
        value = make_loss()(leaf, target)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize("make_loss, target", LOSSES.values(), ids=LOSSES)
def test_losses_and_their_gradients_of_our_outputs_are_those_of_lava_dls(parameters, spikes, make_loss, target):
    outputs, weights = [], []
    for module in (slayer.block.cuba, cuba):
        torch.manual_seed(3)
        block = module.Dense(parameters, 40, 3, weight_scale=6)
        outputs.append(block(spikes))
        value, gradient = gradients(make_loss, target, outputs[-1])
        outputs[-1].backward(gradient)
        weights.append((value, gradient, block.synapse.weight.grad))
    theirs, ours = outputs
    assert torch.equal(ours, theirs) and ours.sum() > 0
    assert theirs.is_contiguous() and not ours.is_contiguous()
    for expected, given in zip(*weights, strict=True):  # float32 sums in the order of memory
        assert torch.allclose(given, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
    assert weights[1][2].abs().max() > 0


@TIMESTEPS
def test_every_loss_reaches_the_weights_on_either_clock(parameters, spikes, step):
    for make_loss, target in LOSSES.values():
        block = cuba.Dense({**parameters, "timestep": step}, 40, 3, weight_scale=6, delay=True)
        y = block(seen(spikes, step))
        if target is not None and target.shape[-1] == 100:
            target = target[..., : y.shape[-1]]
        y.backward(gradients(make_loss, target, y)[1])
        assert torch.isfinite(block.synapse.weight.grad).all() and (block.synapse.weight.grad != 0).any()


def test_classifiers_see_our_outputs_as_lava_dls(parameters, spikes):
    torch.manual_seed(3)
    theirs = slayer.block.cuba.Dense(parameters, 40, 3, weight_scale=6)
    ours = cuba.Dense(parameters, 40, 3, weight_scale=6)
    ours.load_state_dict(theirs.state_dict())
    a, b = theirs(spikes).detach(), ours(spikes).detach()
    rate, window = slayer.classifier.Rate, slayer.classifier.MovingWindow(10)
    for see in (rate(), rate.rate, rate.confidence, rate.predict, window.rate, window.confidence, window.predict):
        assert torch.allclose(see(b).double(), see(a).double(), rtol=1e-6)
    assert b.sum() > 0


def blocks_of(parameters, step):
    given = {**parameters, "timestep": step}
    return {
        "Dense": cuba.Dense(given, 40, 30, weight_scale=3, delay=True),
        "Recurrent": cuba.Recurrent(given, 40, 30, weight_scale=3),
        "KWTA": cuba.KWTA(dict(given), 40, 30, 5, weight_scale=3),
        "Input": cuba.Input(given, weight=2.0, bias=0.1),
        "Affine": cuba.Affine(given, 40, 30),
    }


def anew(block, x):
    block.reset_state()
    return block(x).detach()


@TIMESTEPS
def test_a_used_block_can_be_copied_pickled_and_saved(parameters, spikes, step):
    x = seen(spikes, step)
    fresh = blocks_of(parameters, step)
    for name, block in blocks_of(parameters, step).items():
        y = block(x)
        y.sum().backward()
        y = anew(block, x)
        assert y.abs().sum() > 0, name
        assert torch.equal(anew(copy.deepcopy(block), x), y), name
        assert torch.equal(anew(pickle.loads(pickle.dumps(block)), x), y), name
        file = io.BytesIO()
        torch.save(block.state_dict(), file)
        file.seek(0)
        fresh[name].load_state_dict(torch.load(file))
        assert torch.equal(anew(fresh[name], x), y), name


def test_a_block_under_weight_norm_can_be_copied_once_its_weights_carry_no_graph(parameters, spikes):
    """torch's weight norm leaves the last pass's weights on the module, which no copy can be made of."""
    block = cuba.Dense(parameters, 40, 30, weight_norm=True, weight_scale=3)
    block(spikes).sum().backward()
    with torch.no_grad():
        y = block(spikes)
    assert torch.equal(copy.deepcopy(block)(spikes), y) and y.sum() > 0


@TIMESTEPS
def test_a_network_of_doubles_has_the_spikes_and_gradients_of_singles(parameters, spikes, step):
    x = seen(spikes, step)
    for name, block in blocks_of(parameters, step).items():
        block(x)  # draws the delays
        double = copy.deepcopy(block).double()
        block.reset_state()
        double.reset_state()
        single_x, double_x = x.clone().requires_grad_(), x.double().requires_grad_()
        a, b = block(single_x), double(double_x)
        # bit for bit, but for the gain of a read-out, rounded to float32 and so its product
        assert b.dtype == torch.float64 and torch.allclose(a.double(), b, rtol=2e-7, atol=0), name
        cotangent = torch.randn(a.shape)
        a.backward(cotangent)
        b.backward(cotangent.double())
        scale = double_x.grad.abs().max().item()
        assert torch.allclose(single_x.grad.double(), double_x.grad, atol=1e-4 * scale), name


@TIMESTEPS
def test_without_gradients_nothing_is_recorded_and_spikes_are_the_same(parameters, spikes, step):
    x = seen(spikes, step)
    for name, block in blocks_of(parameters, step).items():
        block(x)
        y = anew(block, x)
        with torch.no_grad():
            block.reset_state()
            plain = block(x)
        assert torch.equal(plain, y) and not plain.requires_grad, name
        block.requires_grad_(False)
        block.reset_state()
        assert not block(x).requires_grad
        block.reset_state()
        leaf = x.clone().requires_grad_()
        y = block(leaf)
        y.sum().backward()
        assert torch.equal(y, plain) and (leaf.grad != 0).any(), name
        assert all(parameter.grad is None for parameter in block.parameters())


@TIMESTEPS
def test_a_graph_that_is_retained_gives_the_same_gradient_again_and_gradients_add_up(parameters, spikes, step):
    x = seen(spikes, step)
    for name, block in blocks_of(parameters, step).items():
        block(x)
        block.reset_state()
        leaf = x.clone().requires_grad_()
        leaves = [leaf, *(p for p in block.parameters() if p.requires_grad)]
        y = block(leaf)
        cotangent = torch.randn(y.shape)
        first = torch.autograd.grad(y, leaves, cotangent, retain_graph=True, allow_unused=True)
        y.backward(cotangent)
        block.reset_state()
        block(leaf).backward(cotangent)
        for once, parameter in zip(first, leaves, strict=True):
            assert (once is None) == (parameter.grad is None)
            assert once is None or torch.allclose(parameter.grad, 2 * once, rtol=1e-6), name


@TIMESTEPS
@pytest.mark.parametrize("batch, steps", [(1, 1), (1, 100), (4, 1), (3, 2)])
def test_one_sample_and_one_step_are_enough(parameters, step, batch, steps):
    x = torch.ones(batch, 40, steps)
    for name, block in blocks_of(parameters, step).items():
        leaf = seen(x, step).requires_grad_()
        y = block(leaf)
        assert y.shape == (batch, 40 if name == "Input" else 30, leaf.shape[-1]), name
        y.sum().backward()
        assert torch.isfinite(leaf.grad).all()


@TIMESTEPS
@pytest.mark.parametrize("sparse", [False, True])
def test_no_spike_at_all_is_a_recording_too(parameters, step, sparse):
    x = torch.zeros(2, 40, 20)
    for name, block in blocks_of(parameters, step).items():
        if name == "Input" and sparse:
            continue
        y = block(seen(x.to_sparse() if sparse else x, step))
        if name not in ("Input", "KWTA"):  # which have a bias
            assert not y.any(), name
        y.sum().backward()
        for parameter in block.parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all()


def test_a_converted_network_goes_on_training_with_the_same_optimizer(parameters):
    x, labels = labelled_spikes()
    net = Network(slayer.block.cuba, parameters)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    assistant = slayer.utils.Assistant(net, slayer.loss.SpikeRate(0.3, 0.03), optimizer)
    assistant.train(x, labels)
    discretize(net, 4)
    losses = []
    for _ in range(20):
        output = assistant.train(x, labels)
        losses.append(slayer.loss.SpikeRate(0.3, 0.03)(output, labels).item())
    assert min(losses[10:]) < losses[0] and output.shape == (12, 3, 60)
