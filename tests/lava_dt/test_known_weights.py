"""Weights that have not changed are neither normalised nor laid out again without gradients, and never are stale."""

import copy

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt.block import arriving, cuba, fused, known
from lava_dt.dynamics.cuba import from_events
from lava_dt.dynamics.weight_norm import normalise

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.03, "scale_grad": 3}


@pytest.fixture
def blocks():
    """lava-dl's block and ours with its weights."""
    torch.manual_seed(0)
    theirs = slayer.block.cuba.Dense(dict(NEURON), 60, 40, weight_norm=True, weight_scale=4)
    ours = cuba.Dense(dict(NEURON), 60, 40, weight_norm=True)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.fixture
def laid(monkeypatch):
    """How often rows are laid out."""
    calls = []
    lay = from_events.int8_rows
    monkeypatch.setattr(from_events, "int8_rows", lambda *given: calls.append(1) or lay(*given))
    return calls


def spikes(seed=0):
    return (torch.rand(3, 60, 50, generator=torch.Generator().manual_seed(seed)) < 0.05).float()


def assert_alike(blocks, x):
    with torch.no_grad():
        theirs, ours = (block(x) for block in blocks)
    assert theirs.sum() > 0
    assert torch.equal(theirs, ours)
    assert torch.equal(blocks[0].synapse.weight, blocks[1].synapse.weight)


def test_unchanged_weights_are_laid_out_once(blocks, laid):
    for seed in range(3):
        assert_alike(blocks, spikes(seed))
    assert len(laid) == 1


CHANGES = {
    "in place": lambda p: p.mul_(-1),
    "as data": lambda p: p.data.mul_(-1),
    "by NumPy": lambda p: p.detach().numpy().__imul__(-1),
    "one number": lambda p: p.data.view(-1)[-1:].add_(0.5),
    "set anew": lambda p: setattr(p, "data", -p.data),
}


@pytest.mark.parametrize("name", ["weight_v", "weight_g"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_weights_are_seen_however_they_change(blocks, laid, change, name):
    assert_alike(blocks, spikes())
    for block in blocks:
        with torch.no_grad():
            change(getattr(block.synapse, name))
    assert_alike(blocks, spikes())
    assert len(laid) == 2


def test_a_training_step_between_is_seen_and_keeps_nothing(blocks, laid):
    assert_alike(blocks, spikes())
    for block in blocks:
        optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
        block(spikes()).sum().backward()
        assert known.laid_before(block.synapse, block.synapse.weight) is None
        optimizer.zero_grad()
        block.synapse.weight_g.grad = torch.ones_like(block.synapse.weight_g)
        optimizer.step()
    assert_alike(blocks, spikes())
    assert len(laid) == 3


def test_parameters_that_another_thread_changes_meanwhile_are_seen_at_the_next_call(blocks, monkeypatch):
    theirs, ours = (block.synapse.weight_v for block in blocks)
    with torch.no_grad(), monkeypatch.context() as patch:
        patch.setattr(arriving, "normalise", lambda v, g: (normalise(v, g), ours.neg_())[0])
        blocks[1](spikes())
        theirs.neg_()
    assert_alike(blocks, spikes())


@pytest.mark.parametrize("batch", [3, 1])  # one takes other blocks of columns
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_somebody_makes_of_the_weight_that_the_synapse_holds_changes_no_spike(blocks, change, batch):
    assert_alike(blocks, spikes())
    with torch.no_grad():
        change(blocks[1].synapse.weight)
        theirs, ours = (block(spikes()[:batch]) for block in blocks)
    assert theirs.sum() > 0
    assert torch.equal(theirs, ours)


def test_the_weight_itself_is_made_again_if_torch_saw_it_changed(blocks, laid):
    assert_alike(blocks, spikes())
    with torch.no_grad():
        blocks[1].weights().mul_(-1)
    for _ in range(2):
        assert_alike(blocks, spikes())
    assert len(laid) == 2


def test_a_weight_that_was_changed_in_place_or_replaced_is_lava_dls_again_after_a_call(blocks):
    assert_alike(blocks, spikes())
    for _ in range(2):
        with torch.no_grad():
            blocks[1].synapse.weight.mul_(-1)
        assert_alike(blocks, spikes())
    blocks[1].synapse.weight = torch.zeros(1)
    assert_alike(blocks, spikes())


@pytest.mark.parametrize("become", [torch.Tensor.double, torch.Tensor.flatten, lambda weight: weight.transpose(0, 1)])
def test_spikes_are_right_whatever_the_weight_that_the_synapse_holds_has_become(blocks, become):
    assert_alike(blocks, spikes())
    blocks[1].synapse.weight.data = become(blocks[1].synapse.weight)
    with torch.no_grad():
        assert torch.equal(*(block(spikes()) for block in blocks))


def test_a_graph_has_weights_of_its_own(blocks):
    pytest.importorskip("nir", reason="the nir extra is not installed")
    from lava_dt.nir.acting import acting_weights

    block = blocks[1]
    block.synapse.pre_hook_fx = None
    with torch.no_grad():
        before = block.weights().clone()
        weight, _ = acting_weights(block, block.synapse)
        weight *= -1
        assert torch.equal(block.weights(), before)


def test_a_mask_and_copies_have_weights_of_their_own(blocks, laid):
    assert_alike(blocks, spikes())
    twin = copy.deepcopy(blocks[1])
    with torch.no_grad():
        twin.synapse.weight_g.zero_()
        assert twin(spikes()).sum() == 0
    blocks[1].mask = torch.zeros(40, 60, 1, 1, 1)
    with torch.no_grad():
        assert blocks[1](spikes()).sum() == 0


def test_a_mask_leaves_weights_alone_that_torch_normalises():
    block = cuba.Dense(dict(NEURON), 60, 40, weight_scale=4)
    torch.nn.utils.weight_norm(block.synapse)
    one, other = (torch.rand(2, 40, 60, 1, 1, 1) < 0.5).float()
    with torch.no_grad():
        unmasked = block(spikes())
        assert unmasked.sum() > 0
        for mask in (one, other, one, None):
            block.mask = mask
            anew = copy.deepcopy(block)
            assert torch.equal(block(spikes()), anew(spikes()))
        assert torch.equal(block(spikes()), unmasked)


def test_inference_mode_gives_the_same_and_keeps_nothing(blocks, laid):
    with torch.no_grad():
        expected = blocks[0](spikes())
    for _ in range(2):
        with torch.inference_mode():
            assert torch.equal(blocks[1](spikes()), expected)
    assert len(laid) == 2
    assert fused.laid_before(blocks[1].synapse, blocks[1].synapse.weight) is None
    assert_alike(blocks, spikes())
