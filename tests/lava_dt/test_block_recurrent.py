"""Recurrent and KWTA: lava-dl's bits at dt = 1 over several calls, equal clocks, and what lava-dl cannot do."""

import copy

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Timestep, rebin
from lava_dt.block import recurrent
from lava_dt.dynamics.recurrent import stepwise
from lava_dt.dynamics.recurrent.arrivals import arrivals

upstream = slayer.block.cuba
norms = slayer.neuron.norm


def make(module, neuron, name="Recurrent", n_in=40, **options):
    torch.manual_seed(3)
    extra = {"num_winners": 5} if name == "KWTA" else {}
    return getattr(module, name)(copy.deepcopy(neuron), n_in, 30, **{"weight_scale": 2, **extra, **options})


def three_calls(block, x):
    """Two calls, one of another batch size, and the states; delays and decays are drawn in the first."""
    torch.manual_seed(4)
    with torch.no_grad():
        outputs = [block(x), block(x), block(x[:2])]
    return [*outputs, block.neuron.current_state, block.neuron.voltage_state]


NEURONS_AND_BLOCKS = {
    "plain": ({}, {}),
    "no hop": ({}, {"delay_shift": False}),
    "delays": ({}, {"delay": True}),
    "weight norm": ({}, {"weight_norm": True}),
    "per-channel decays": ({"shared_param": False, "current_decay": (0.1, 0.5)}, {}),
    "learnt decays": ({"requires_grad": True}, {}),
    "graded spikes": ({"graded_spike": True}, {"weight_scale": 0.3}),
    "norm": ({"norm": norms.MeanOnlyBatchNorm}, {}),
    "norm with scale": ({"norm": norms.WgtScaleBatchNorm}, {}),
    "dropout": ({"dropout": slayer.neuron.Dropout(p=0.5)}, {}),
    "scale 128": ({"scale": 128}, {}),
}


@pytest.mark.parametrize("neuron, block", NEURONS_AND_BLOCKS.values(), ids=NEURONS_AND_BLOCKS)
def test_at_dt_1_every_call_is_lava_dls_bit_for_bit(parameters, spikes, neuron, block):
    expected, given = (
        three_calls(make(module, {**parameters, **neuron}, **block), spikes) for module in (upstream, recurrent)
    )
    assert all(torch.equal(*pair) for pair in zip(expected, given, strict=True))
    assert all(output.abs().sum() > 0 for output in given[:3])


@pytest.mark.parametrize("options", [{}, {"self_excitation": 0.8}, {"delay_shift": False}], ids=str)
def test_kwta_at_dt_1_is_lava_dls_bit_for_bit_also_from_call_to_call(parameters, spikes, options):
    expected, given = (
        three_calls(make(module, parameters, "KWTA", **options), spikes) for module in (upstream, recurrent)
    )
    assert all(torch.equal(*pair) for pair in zip(expected, given, strict=True)) and given[1].sum() > 0


@pytest.mark.parametrize("name", ["Recurrent", "KWTA"])
def test_gradients_are_lava_dls_where_nothing_leaks_from_step_to_step(parameters, spikes, name):
    quick = {**parameters, "current_decay": 1.0, "voltage_decay": 1.0, "threshold": 0.5}
    grads = []
    for module in (upstream, recurrent):
        block = make(module, quick, name, delay_shift=False)
        y = block(spikes)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
        grads.append({key: p.grad for key, p in block.named_parameters() if p.grad is not None})
    assert y.sum() > 0 and grads[0].keys() == grads[1].keys() and len(grads[0]) == 2
    for key, expected in grads[0].items():  # float32 sums in another order
        assert torch.allclose(grads[1][key], expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item()), key


def test_lava_dls_gradient_without_the_leaks_is_another(parameters, spikes):
    theirs, ours = (make(module, parameters, weight_scale=1) for module in (upstream, recurrent))
    for block in (theirs, ours):
        y = block(spikes)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    a, b = (block.recurrent_synapse.weight.grad.flatten() for block in (theirs, ours))
    assert torch.cosine_similarity(a, b, dim=0) < 0.9 and a.norm() < 0.2 * b.norm()


@pytest.mark.parametrize("name", ["Recurrent", "KWTA"])
@pytest.mark.parametrize("step", [Timestep(), Timestep(4, clock="coarse", scheme="exponential", reset="soft")])
def test_kernels_and_the_loop_over_steps_agree_with_all_gradients(parameters, spikes, monkeypatch, name, step):
    neuron = {**parameters, "requires_grad": True, "timestep": step}
    outcomes = []
    for plain in (False, True):
        block = make(recurrent, neuron, name, weight_scale=1)
        if plain:
            monkeypatch.setattr(block, "_fused", lambda *given, block=block: loop(block, *given))
        x = rebin(spikes, step.dt).requires_grad_()
        y = block(x)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
        outcomes.append([y, x.grad, *(p.grad for p in block.parameters())])
    assert torch.equal(outcomes[0][0], outcomes[1][0]) and outcomes[0][0].sum() > 0
    for given, expected in zip(*outcomes, strict=True):  # float32 sums that feed on each other, in another order
        assert torch.allclose(given, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def loop(block, drive, weights, bias, tail):
    return stepwise.respond(drive, weights, block.neuron, bias, tail)


def test_a_block_in_float64_has_the_spikes_of_float32(parameters, spikes):
    single, double = make(recurrent, parameters), make(recurrent, parameters).double()
    assert torch.equal(double(spikes.double()).float(), single(spikes))


def run_on(clock, parameters, x, dt, names, delay=False, hop=True, **options):
    step = Timestep(dt, clock=clock, **options)
    torch.manual_seed(3)
    net = torch.nn.Sequential()
    for name, (a, b) in zip(names, ((40, 30), (30, 20)), strict=True):
        extra = {"num_winners": 5} if name == "KWTA" else {"delay": delay, "weight_norm": True}
        block = getattr(recurrent, name)({**parameters}, a, b, weight_scale=3, delay_shift=hop, timestep=step, **extra)
        net.append(block)
    seen = x.clone().requires_grad_()
    y = [net(seen if clock == "held" else rebin(seen, dt))]  # draws the delays
    for block in net if delay else ():
        block.delay.delay.data *= 25
    y.append(net(seen if clock == "held" else rebin(seen, dt)))
    y = torch.stack([rebin(part, dt) if clock == "held" else part for part in y])
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
    return y, seen.grad, [p.grad for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("names", [("Recurrent", "Recurrent"), ("KWTA", "KWTA")], ids=str)
@pytest.mark.parametrize("reset, gain", [("hard", "charge"), ("soft", "integral")])
@pytest.mark.parametrize("dt", [2, 3, 7, 16, 100, 150])
def test_the_held_clock_is_the_coarse_clock_bit_for_bit_over_two_calls(parameters, spikes, dt, reset, gain, names):
    options = {"scheme": "exponential", "reset": reset, "gain": gain}
    held, coarse = (run_on(clock, parameters, spikes, dt, names, **options) for clock in ("held", "coarse"))
    assert torch.equal(held[0], coarse[0]) and torch.equal(held[1], coarse[1])
    assert len(held[2]) == len(coarse[2]) >= 3
    assert all(torch.equal(*pair) for pair in zip(held[2], coarse[2], strict=True))
    assert held[0].sum() > 0 or dt >= 100


@pytest.mark.parametrize("hop", [True, False])
@pytest.mark.parametrize("scheme", ["forward_euler", "exponential", "backward_euler", "bilinear"])
def test_clocks_agree_for_every_scheme_with_delays(parameters, spikes, scheme, hop):
    slow = {**parameters, "current_decay": 0.1}
    names = ("Recurrent", "Recurrent")
    held, coarse = (run_on(clock, slow, spikes, 4, names, True, hop, scheme=scheme) for clock in ("held", "coarse"))
    assert torch.equal(held[0], coarse[0]) and torch.equal(held[1], coarse[1]) and held[0].sum() > 0


def one_to_one(parameters, step, weight=3.0, back=-3.0, **options):
    quick = {**parameters, "current_decay": 1.0, "voltage_decay": 1.0}
    block = recurrent.Recurrent(quick, 1, 1, timestep=step, **options)
    block.input_synapse.weight.data.fill_(weight)
    block.recurrent_synapse.weight.data.fill_(back)
    return block


@pytest.mark.parametrize("between", ["accumulate", "drop"])
def test_feedback_is_delivered_at_the_grid_step_that_ends_the_next_bin(parameters, between):
    """Input at every grid step of dt = 4; a spike cancels the drive of the next grid step, whatever lies in between."""
    step = Timestep(4, saturate=True, between=between)
    x = torch.zeros(1, 1, 20)
    x[..., 3::4] = 1
    y = one_to_one(parameters, step, delay_shift=False)(x)
    assert torch.nonzero(y[0, 0]).flatten().tolist() == [3, 11, 19]
    dropped = x.roll(-1, -1)
    assert (one_to_one(parameters, step)(dropped).sum() > 0) == (between == "accumulate")


def test_the_hop_to_the_next_layer_does_not_delay_the_feedback(parameters):
    x = torch.ones(1, 1, 6)
    assert one_to_one(parameters, Timestep())(x).flatten().tolist() == [0, 1, 0, 1, 0, 1]
    assert one_to_one(parameters, Timestep(), delay_shift=False)(x).flatten().tolist() == [1, 0, 1, 0, 1, 0]


def test_without_a_persistent_state_calls_begin_anew(parameters, spikes):
    block = make(recurrent, parameters)
    block.neuron.persistent_state = False
    assert torch.equal(block(spikes), block(spikes))
    block.neuron.persistent_state = True
    assert not torch.equal(block(spikes), block(spikes))


def test_the_last_spikes_of_kwta_arrive_in_the_next_call_until_the_state_is_forgotten(parameters, spikes):
    block, other = (make(recurrent, parameters, "KWTA", delay_shift=hop) for hop in (True, False))
    x = spikes.repeat(1, 1, 2)
    calls, at_once = [block(x), block(x)], [other(x), other(x)]
    assert torch.equal(calls[1][..., 0], at_once[0][..., -1]) and torch.equal(calls[1][..., 1:], at_once[1][..., :-1])
    block.reset_state()
    assert torch.equal(block(x), calls[0])


def test_weight_norm_that_breaks_in_lava_dl_can_be_trained(parameters, spikes):
    theirs = make(upstream, parameters, weight_norm=True)
    theirs(spikes).sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        theirs(spikes).sum().backward()
    ours = make(recurrent, parameters, weight_norm=True)
    optimizer = torch.optim.SGD(ours.parameters(), lr=1e-4)
    seen = []
    for _ in range(2):
        optimizer.zero_grad()
        ours(spikes).sum().backward()
        seen.append(ours.recurrent_synapse.weight.detach().clone())
        optimizer.step()
        assert ours.recurrent_synapse.weight_g.grad.abs().sum() > 0
    assert not torch.equal(*seen)


def test_decays_learn(parameters, spikes):
    theirs, ours = (make(module, {**parameters, "requires_grad": True}) for module in (upstream, recurrent))
    for block in (theirs, ours):
        block(spikes).sum().backward()
    assert (theirs.neuron.current_decay.grad == 0).all() and ours.neuron.current_decay.grad.abs() > 0


def test_arguments_that_lava_dl_ignores_are_used(parameters, spikes):
    fixed = make(recurrent, parameters, requires_grad=False)
    assert make(upstream, parameters, requires_grad=False).recurrent_synapse.weight.requires_grad
    fixed(spikes).sum().backward()
    assert fixed.recurrent_synapse.weight.grad is None and fixed.input_synapse.weight.grad is not None
    silent = make(recurrent, parameters, pre_hook_fx=lambda weight: weight * 0)
    assert silent(spikes).sum() == 0 and make(upstream, parameters, pre_hook_fx=lambda w: w * 0)(spikes).sum() > 0


def test_weights_that_are_not_quantised_work(parameters, spikes):
    block = make(recurrent, parameters, pre_hook_fx=lambda weight: weight * 1.001)
    y = block(spikes)
    y.sum().backward()
    assert y.sum() > 0 and block.recurrent_synapse.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["Recurrent", "KWTA"])
def test_the_count_log_gives_the_share_of_spikes(parameters, spikes, name):
    with pytest.raises(RuntimeError), torch.no_grad():
        make(upstream, parameters, name, count_log=True)(spikes)
    y, rate = make(recurrent, parameters, name, count_log=True)(spikes)
    assert rate.item() == pytest.approx(y.mean().item()) and rate > 0


def test_kwta_with_its_hop_can_be_trained_over_several_calls(parameters, spikes):
    with pytest.raises(RuntimeError):
        make(upstream, parameters, "KWTA")(spikes)
    block = make(recurrent, parameters, "KWTA")
    for _ in range(2):
        block(spikes).sum().backward()
    assert block.self_excitation.grad.abs() > 0


def test_a_block_leaves_the_parameters_it_is_given_as_they_are(parameters):
    given = dict(parameters)
    recurrent.Recurrent(given, 40, 30)
    recurrent.KWTA(neuron_params=given, in_neurons=40, out_neurons=30, num_winners=5)
    assert given == parameters
    with pytest.raises(TypeError, match="Recurrent needs a dictionary of the neuron's parameters"):
        recurrent.Recurrent(None, 40, 30)


@pytest.mark.parametrize("name", ["Recurrent", "KWTA"])
def test_a_state_dictionary_that_lava_dl_saved_after_a_call_loads(parameters, spikes, name):
    theirs = make(upstream, parameters, name)
    with torch.no_grad():
        theirs(spikes)
    ours = make(recurrent, parameters, name, timestep=Timestep(4))
    ours.load_state_dict(theirs.state_dict())
    again = make(recurrent, parameters, name)
    again.load_state_dict(theirs.state_dict())
    fresh = make(recurrent, parameters, name)
    assert torch.equal(again(spikes), fresh(spikes))


def test_images_of_the_size_the_block_was_made_for_are_taken(parameters):
    x = (torch.rand(2, 2, 5, 6, 40, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    for name in ("Recurrent", "KWTA"):
        block = make(recurrent, parameters, name, n_in=(6, 5, 2))
        y = block(x)
        assert y.shape == (2, 30, 1, 1, 40) and y.sum() > 0 and block.shape == (30, 1, 1)
    with torch.no_grad():
        assert torch.equal(y, make(upstream, parameters, "KWTA", n_in=(6, 5, 2))(x))
    with pytest.raises(ValueError, match=r"\(1, 2\) pixels: the image must be of the size that in_neurons says"):
        block(torch.zeros(2, 2, 5, 7, 40))
    with pytest.raises(ValueError, match=r"was made for 40 neurons or channels"):
        make(recurrent, parameters)(torch.zeros(2, 41, 10))


@pytest.mark.parametrize("step", [Timestep(), Timestep(3), Timestep(3, between="drop"), Timestep(3, clock="coarse")])
@pytest.mark.parametrize("kind", ["dense", "sparse", "with a gradient"])
def test_following_few_input_spikes_gives_what_a_product_gives(parameters, spikes, monkeypatch, step, kind):
    x = spikes * torch.randint(-1, 3, spikes.shape, generator=torch.Generator().manual_seed(1))
    x = rebin(x, 3) if step.clock == "coarse" else x
    outcomes, followed = [], []
    monkeypatch.setattr(recurrent, "arrivals", lambda *given: followed.append(given) or arrivals(*given))
    for largest in (1.0, 0.0):
        monkeypatch.setattr(recurrent, "LARGEST_DENSITY", largest)
        block = make(recurrent, {**parameters, "current_decay": 0.2, "timestep": step}, weight_norm=True)
        given = x.to_sparse() if kind == "sparse" else x.clone().requires_grad_(kind == "with a gradient")
        y = block(given)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
        outcomes.append([y, *(p.grad for p in block.parameters() if p.grad is not None)])
        outcomes[-1] += [given.grad] if kind == "with a gradient" else []
    assert len(followed) == 1 and torch.equal(outcomes[0][0], outcomes[1][0]) and outcomes[0][0].sum() > 0
    assert len(outcomes[0]) == (6 if kind == "with a gradient" else 5)
    for got, expected in zip(*outcomes, strict=True):  # float32 sums in another order
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_a_synapse_that_somebody_watches_is_called(parameters, spikes):
    block, seen = make(recurrent, parameters), []
    block.input_synapse.register_forward_hook(lambda *_: seen.append(1))
    assert torch.equal(block(spikes), make(recurrent, parameters)(spikes)) and seen


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("name", ["Recurrent", "KWTA"])
def test_on_a_gpu_the_blocks_do_what_they_do_on_the_cpu(parameters, spikes, name):
    step = Timestep(4, scheme="exponential", reset="soft")
    outcomes = []
    for device in ("cpu", "cuda"):
        block = make(recurrent, parameters, name, weight_scale=1, timestep=step).to(device)
        y = torch.cat([block(spikes.to(device)) for _ in range(2)], -1)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)).to(device))
        outcomes.append([y.cpu(), *(p.grad.cpu() for p in block.parameters() if p.grad is not None)])
    assert torch.equal(outcomes[0][0], outcomes[1][0]) and outcomes[0][0].sum() > 0
    for got, expected in zip(*outcomes, strict=True):  # float32 sums that feed on each other, in another order
        assert torch.allclose(got, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def test_a_bias_set_from_outside_is_added_once_a_step(parameters, spikes):
    blocks = [make(module, parameters) for module in (upstream, recurrent)]
    for block in blocks:
        block.bias = torch.full((30, 1), 0.0625)
    expected, given = (block(spikes) for block in blocks)
    assert torch.equal(expected, given) and not torch.equal(given, make(recurrent, parameters)(spikes))


def test_export_writes_the_weights_of_the_moment_under_weight_norm(parameters, spikes, tmp_path):
    h5py = pytest.importorskip("h5py")
    block = make(recurrent, parameters, weight_norm=True)
    block(spikes)
    block.recurrent_synapse.weight_g.data *= 2
    wanted = block.feedback()[0] * 64
    with h5py.File(tmp_path / "block.net", "w") as file:
        block.export_hdf5(file)
        assert file["type"][0] == b"dense_rec" and (file["weight_rec"][:] == wanted.detach().numpy()).all()


def test_both_clocks_follow_spikes_or_multiply_by_the_density_of_the_bins(parameters):
    x = (torch.rand(4, 60, 100, generator=torch.Generator().manual_seed(2)) < 0.103).float()
    binned = rebin(x, 2)
    assert (x > 0).float().mean() > 0.1 and (binned > 0).float().mean() < 0.2
    gradients = []
    for clock, seen in (("held", x), ("coarse", binned)):
        torch.manual_seed(3)
        step = Timestep(2, clock=clock, scheme="exponential")
        block = recurrent.Recurrent({**parameters, "timestep": step}, 60, 20, weight_scale=4)
        spikes = block(seen)
        spikes = rebin(spikes, 2) if clock == "held" else spikes
        spikes.backward(torch.randn(spikes.shape, generator=torch.Generator().manual_seed(5)))
        gradients.append(block.input_synapse.weight.grad)
    assert spikes.sum() > 0 and torch.equal(*gradients)
