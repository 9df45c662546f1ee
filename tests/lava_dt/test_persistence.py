"""A recording cut into calls of any lengths is the recording in one call (persistent state)."""

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep, rebin
from lava_dt.block import cuba
from lava_dt.neuron import Neuron
from lava_dt.time_axis import at_grid, collect, hold, lay_down

CUTS = [[100], [50, 50], [3, 1, 1, 2, 33, 60], [1] * 100, [99, 1], [7, 93]]


def net(parameters, step, hop=True, delay=True, **options):
    torch.manual_seed(3)
    parameters = {**parameters, "persistent_state": True, "timestep": step, **options}
    blocks = [
        cuba.Dense(parameters, a, b, weight_scale=6, weight_norm=True, delay=delay, delay_shift=hop)
        for a, b in ((40, 30), (30, 20))
    ]
    for block in blocks if delay else ():
        block.delay.init = True
        block.delay.delay.data = torch.rand(block.synapse.out_channels) * 20
    return torch.nn.Sequential(*blocks)


def in_calls(net, x, lengths):
    with torch.no_grad():
        return torch.cat([net(part) for part in x.split(lengths, -1)], -1)


@pytest.mark.parametrize("lengths", CUTS[1:], ids=lambda cut: f"{len(cut)} calls")
@pytest.mark.parametrize("dt", [2, 7, 16, 130])
@pytest.mark.parametrize("hop, delay", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("between", ["accumulate", "drop"])
def test_a_recording_in_calls_of_any_length_is_the_recording_in_one(
    parameters, spikes, lengths, dt, hop, delay, between
):
    step = Timestep(dt, scheme="exponential", between=between, gain="integral")
    whole = in_calls(net(parameters, step, hop, delay), spikes, [100])
    assert torch.equal(in_calls(net(parameters, step, hop, delay), spikes, lengths), whole)
    assert whole.sum() > 0 or dt > 10 or between == "drop"


@pytest.mark.parametrize("dt", [2, 7])
def test_one_call_that_is_followed_by_more_is_one_call_but_for_its_last_shorter_bin(parameters, spikes, dt):
    step = Timestep(dt, scheme="exponential")
    persistent = in_calls(net(parameters, step), spikes, [100])
    plain = net(parameters, step, persistent_state=False)(spikes)
    end = 100 // dt * dt
    assert torch.equal(persistent[..., :end], plain[..., :end]) and plain.sum() > 0
    at_last = torch.zeros(4, 40, 100)
    at_last[..., 98:] = 1
    assert (
        in_calls(net(parameters, Timestep(7, scheme="exponential")), at_last, [100]) == 0
    ).all()  # steps 99 and 100 wait for 105


@pytest.mark.parametrize("pieces", [[5] * 4, [3, 1, 16]])
def test_the_coarse_clock_has_no_phase_and_carries_its_bins(parameters, spikes, pieces):
    step = Timestep(5, clock="coarse", scheme="exponential", reset="soft")
    x = rebin(spikes, 5)
    whole = in_calls(net(parameters, step), x, [20])
    assert torch.equal(in_calls(net(parameters, step), x, pieces), whole) and whole.sum() > 0
    held = in_calls(net(parameters, Timestep(5, scheme="exponential", reset="soft")), spikes, [3, 1, 96])
    assert torch.equal(rebin(held, 5), whole)


@pytest.mark.parametrize("delay", [False, True])
def test_at_dt_1_what_persists_is_what_persists_in_lava_dl(parameters, spikes, delay):
    def make(module):
        torch.manual_seed(3)
        return module.Dense({**parameters, "persistent_state": True}, 40, 30, weight_scale=4, delay=delay)

    outputs = []
    for module in (slayer.block.cuba, cuba):
        block = make(module)
        if delay:
            block.delay.init, block.delay.delay.data = True, torch.arange(30.0) / 4
        outputs.append(in_calls(block, spikes, CUTS[2]))
    assert torch.equal(*outputs) and outputs[0].sum() > 0


def test_images_persist_too(parameters):
    x = (torch.rand(2, 2, 8, 8, 30) < 0.2).float()
    outputs = []
    for lengths in ([30], [4, 1, 25]):
        torch.manual_seed(3)
        p = {**parameters, "persistent_state": True, "timestep": Timestep(4, scheme="exponential")}
        blocks = torch.nn.Sequential(
            cuba.Input(p, weight=1.0, bias=0.02), cuba.Conv(p, 2, 4, 3, weight_scale=4), cuba.Pool(p, 2)
        )
        outputs.append(in_calls(blocks, x, lengths))
    assert torch.equal(*outputs) and outputs[0].sum() > 0


def test_a_neuron_by_itself_persists_and_shows_its_voltage(parameters, spikes):
    step = Timestep(7, scheme="exponential", reset="soft")
    results = {}
    for lengths in (CUTS[0], CUTS[2]):
        neuron = Neuron(**parameters, persistent_state=True, timestep=step)
        results[len(lengths)] = in_calls(neuron, spikes * 2, lengths)
    assert torch.equal(*results.values()) and results[1].sum() > 0
    affine = [cuba.Affine({**parameters, "persistent_state": True}, 40, 5, timestep=step) for _ in range(2)]
    affine[1].load_state_dict(affine[0].state_dict())
    assert torch.equal(in_calls(affine[0], spikes, CUTS[0]), in_calls(affine[1], spikes, CUTS[2]))


def test_hooks_on_the_neuron_change_nothing(parameters, spikes):
    step = Timestep(7, scheme="exponential")
    whole = in_calls(net(parameters, step), spikes, [100])
    watched, seen = net(parameters, step), []
    watched[0].neuron.register_forward_hook(lambda module, x, y: seen.append(y))
    drive = Neuron(**parameters, persistent_state=True, timestep=step)
    other = Neuron(**parameters, persistent_state=True, timestep=step)
    for part in (spikes * 2).split(CUTS[2], -1):
        steps = part.shape[-1]
        expected = drive.respond(drive.gather(part))
        assert torch.equal(other.respond_as_called(other.gather(part), steps), expected)
    assert torch.equal(in_calls(watched, spikes, CUTS[2]), whole)


def test_another_batch_or_a_reset_begins_a_recording(parameters, spikes):
    step = Timestep(7, scheme="exponential")
    fresh = in_calls(net(parameters, step), spikes, [45, 55])
    used = net(parameters, step)
    in_calls(used, spikes[:3, :, :17], [17])
    assert torch.equal(in_calls(used, spikes, [45, 55]), fresh)
    for block in used:
        block.reset_state()
    assert torch.equal(in_calls(used, spikes, [45, 55]), fresh)
    for block in used:
        block.set_timestep(Timestep(3, scheme="exponential"))
        block.set_timestep(step)
    assert torch.equal(in_calls(used, spikes, [45, 55]), fresh)


def test_no_gradient_passes_from_call_to_call_and_the_first_grid_step_takes_what_waited(parameters):
    neuron = Neuron(**parameters, persistent_state=True, timestep=Timestep(4, scheme="exponential"))
    first = torch.ones(1, 2, 3, requires_grad=True)
    second = torch.ones(1, 2, 2, requires_grad=True)
    neuron(first)
    y = neuron(second)
    y.sum().backward()
    assert first.grad is None and (second.grad[..., 0] != 0).all() and (second.grad[..., 1] == 0).all()
    assert y[..., 0].sum() == 2 and y[..., 1].sum() == 0  # 3 + 1 steps of 1 in the bin that ends at step 4


def test_pieces_worked_by_hand():
    x = torch.tensor([[1.0, 2, 3, 4, 5]])
    binned, left = collect(x, 3, 2, torch.tensor([10.0]))  # the first step ends a bin, and so does the fourth
    assert binned.tolist() == [[11, 9]] and left.tolist() == [5]
    assert [part.tolist() for part in collect(x[..., :1], 3, 1, torch.tensor([10.0]))] == [[[]], [11]]
    assert [part.tolist() for part in collect(x, 3, 2, None)] == [[[1, 4]], [0]]
    assert at_grid(x, 3, 2).tolist() == [[1, 4]] and at_grid(x, 7, 0).shape == (1, 0)
    assert hold(torch.tensor([[7.0, 8]]), torch.tensor([6.0]), 3, 5, 2).tolist() == [[7, 7, 7, 8, 8]]
    assert hold(torch.zeros(1, 0), torch.tensor([6.0]), 3, 2, 0).tolist() == [[6, 6]]
    assert lay_down(torch.tensor([[7.0, 8]]), 3, 2, 5).tolist() == [[7, 0, 0, 8, 0]]
    assert lay_down(torch.zeros(1, 0), 3, 0, 2).tolist() == [[0, 0]]
