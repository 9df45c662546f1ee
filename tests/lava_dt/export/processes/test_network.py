"""A Lava network does in every step what training does, whatever the layers, the reset and the clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import to_lava
from lava_dt.export.blocks import describe
from lava_dt.export.description import SYNAPTIC
from lava_dt.export.simulation import simulate

STEPS = 30


@pytest.fixture
def same(run_lava):
    """Asserts that every block's output is training's, layer by layer; returns how many spikes that were."""

    def check(net: list, samples: torch.Tensor, given: torch.Tensor | None = None, **options) -> list[int]:
        outputs, signal = [], samples
        with torch.no_grad():
            for block in net:
                signal = block.eval()(signal)
                outputs.append(signal[0].numpy())
        if samples.dim() == 5 and not isinstance(net[0], cuba.Input):
            options["input_shape"] = tuple(samples.shape[-2:0:-1])
        lava = to_lava(net, **options)
        values = lava.encode((samples if given is None else given).numpy())[0]
        fine = lava.dt if lava.clock == "held" else 1
        bins = -(-len(values) // fine)
        found = iter(run_lava([(values, [lava.inp])], [block.out for block in lava.layers], bins * fine + 8, lava.tag))
        description, ahead, counts = describe(net), 0, []
        for layer in (description.on_fine_clock() if lava.clock == "held" else description).layers:
            ahead += (layer.kind in SYNAPTIC) - layer.hop
            if layer.kind == "flatten" or (layer.kind == "input" and layer.neuron is None):
                continue
            behind = next(found)
            expected = outputs[layer.index]
            if layer.kind == "average":
                expected = expected * (math.prod(outputs[layer.index - 1].shape[:-1]) // len(expected))
            steps = np.arange(bins * fine) + ahead
            sent = np.where((steps >= 0).reshape(-1, *(1,) * (behind.ndim - 1)), behind[np.maximum(steps, 0)], 0)
            sent = sent.transpose(*range(sent.ndim - 1, 0, -1), 0).reshape(*expected.shape[:-1], -1)
            sent = sent.reshape(*sent.shape[:-1], bins, fine).sum(-1)
            expected = add_up(expected, bins)
            assert np.array_equal(sent, expected), layer.name
            counts.append(int(expected.sum()))
        return counts

    return check


def add_up(array: np.ndarray, bins: int) -> np.ndarray:
    """(..., steps) -> (..., bins), the last bin perhaps shorter; as it is where they are bins already."""
    length = -(-array.shape[-1] // bins)
    return np.add.reduceat(array, np.arange(0, array.shape[-1], length), axis=-1)


def delayed(net: list, largest: float) -> list:
    """Delays up to ``largest`` fine steps for the blocks that have some; feedback begins anew with each call."""
    for block in net:
        if getattr(block, "delay", None) is not None:
            block.delay.max_delay = None
            block.delay.init = True
            block.delay.delay.data = largest * torch.rand(block.neuron.shape[0])
        if isinstance(block, cuba.Recurrent):
            block.neuron.persistent_state = False
            block.reset_state()
    return net


def pass_through(net: list, samples: torch.Tensor) -> list:
    for block in net:
        samples = block(samples)
    return net


def image_layers(parameters: dict) -> list:
    own = {**parameters, "shared_param": False, "current_decay": (0.1, 0.25), "voltage_decay": (0.02, 0.1)}
    return [
        cuba.Conv(own, 2, 4, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, weight_scale=4, delay=True),
        cuba.Pool(parameters, 2, weight_scale=2, delay=True),
        cuba.ConvT(own, 4, 3, (2, 3), stride=2, padding=1, weight_scale=3),
        cuba.Unpool(parameters, (2, 1), weight_scale=2),
        cuba.Flatten(),
        cuba.Recurrent(own, 108, 8, weight_scale=3, delay=True),
        cuba.Average(4),
    ]


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_every_kind_of_layer_sends_what_it_sends_in_training(reset, parameters, same) -> None:
    """A pool that does not divide its image among them, and delays outside the loop of the recurrent layer."""
    images = (torch.rand(1, 2, 7, 6, STEPS) < 0.2).float()
    net = image_layers({**parameters, "timestep": lava_dt.Timestep(1, reset=reset)})
    delayed(pass_through(net, images), 5)
    assert min(same(net, images)) > 10


@pytest.mark.parametrize("between", ["accumulate", "drop"])
def test_held_networks_run_on_fine_steps_as_trained(between, parameters, same) -> None:
    """The last bin of three steps is shorter; feedback is never dropped."""
    timestep = lava_dt.Timestep(4, scheme="exponential", gain="integral", reset="soft", between=between)
    parameters |= {"timestep": timestep, "current_decay": 0.05}
    spikes = (torch.rand(1, 40, 35 if between == "accumulate" else 36) < 0.2).float()
    net = [
        cuba.Dense(parameters, 40, 30, weight_scale=5, delay=True, delay_shift=False),
        cuba.Recurrent(parameters, 30, 20, weight_scale=6, delay=True),
        cuba.Dense(parameters, 20, 6, weight_scale=8),
    ]
    delayed(pass_through(net, spikes), 9)
    assert min(same(net, spikes, sample=(spikes.shape[-1], 50))[:2]) > 10


@pytest.mark.parametrize("clock", ["held", "coarse"])
def test_a_network_trained_on_bins_takes_fine_steps_and_a_held_one_bins(clock, parameters, same) -> None:
    """The law of A.3 across training and Lava; on bins with a hop of the input alone before the layers."""
    timestep = lava_dt.Timestep(4, clock="coarse" if clock == "held" else "held", scheme="exponential")
    parameters |= {"timestep": timestep, "current_decay": 0.05}
    net = [
        *([cuba.Input(timestep=timestep)] if clock == "held" else []),
        cuba.Conv(parameters, 2, 4, 3, padding=1, weight_scale=6, delay=True),
        cuba.Pool(parameters, 2, weight_scale=2),
    ]
    images = (torch.rand(1, 2, 6, 6, 35) < 0.2).float()
    samples, given = lava_dt.rebin(images, 4), images
    if clock == "coarse":
        samples, given = given, samples
    delayed(pass_through(net, samples), 9)
    assert min(same(net, samples, given, clock=clock)) > 10


def test_bins_are_cut_at_1_when_asked_for(parameters, same) -> None:
    parameters["timestep"] = lava_dt.Timestep(4, clock="coarse", scheme="exponential")
    spikes = (torch.rand(1, 40, 32) < 0.3).float()
    bins = lava_dt.rebin(spikes, 4, saturate=True)
    net = pass_through([cuba.Dense(parameters, 40, 10, weight_scale=5)], bins)
    assert same(net, bins, spikes, clock="held", saturate=True)[0] > 5
    assert to_lava(net, clock="held", saturate=True).in_layer.input_message_bits == 0


@pytest.mark.parametrize("clock", ["held", "coarse"])
def test_an_input_block_takes_values_on_either_clock(clock, parameters, same) -> None:
    timestep = lava_dt.Timestep(4, clock=clock, scheme="exponential", gain="integral")
    parameters |= {"timestep": timestep, "threshold": 5}
    values = torch.randint(-2, 9, (1, 12, 30)).float()
    samples = lava_dt.rebin(values, 4) if clock == "coarse" else values
    net = [cuba.Input(parameters, weight=0.5, bias=0.25), cuba.Dense(parameters, 12, 5, weight_scale=6)]
    pass_through(net, samples)
    assert min(same(net, samples, values, clock="held")) > 5


def test_biases_begin_with_a_sample_where_samples_are_known(parameters, same) -> None:
    """Whatever the delays and hops: a second layer without a hop before it, whose first sample is at its own step 1."""
    norm = {"norm": MeanOnlyBatchNorm}
    net = [
        cuba.Dense({**parameters, **norm}, 40, 10, weight_scale=4, delay=True, delay_shift=False),
        cuba.Dense({**parameters, **norm}, 10, 5, weight_scale=4),
    ]
    spikes = (torch.rand(1, 40, STEPS) < 0.1).float()
    delayed(pass_through(net, spikes), 5)
    for block in net:
        block.neuron.norm.running_mean[:] = -0.25
        block.neuron.norm.eval()
    assert min(same(net, spikes, sample=(STEPS, STEPS + 2))) > 10


@pytest.mark.parametrize("dynamics", [True, False])
def test_an_affine_head_shows_its_voltage_or_its_sum_and_is_silent(dynamics, parameters) -> None:
    head = cuba.Affine(parameters, 20, 4, dynamics=dynamics, weight_scale=8)
    spikes = (torch.rand(1, 20, STEPS) < 0.3).float()
    expected = 64 * 64 * head(spikes)[0].detach().numpy()
    lava = to_lava([head])
    trace = simulate(lava, lava.encode(spikes.numpy()), STEPS + 1, 60)[0]
    assert np.array_equal((trace.voltage if dynamics else trace.current)[0, :, 1:], np.rint(expected))
    assert np.abs(expected).max() > 64 * 80
    assert not trace.spikes.any()


@pytest.mark.parametrize("clock", ["coarse", "held"])
def test_floats_in_the_same_units_follow_the_equations(clock, parameters, run_lava) -> None:
    """Decays in fractions, nothing truncated; weights and thresholds in their integers."""
    parameters |= {"timestep": lava_dt.Timestep(3, clock="coarse", scheme="exponential", reset="soft")}
    spikes = (torch.rand(1, 40, STEPS) < 0.2).float()
    bins = lava_dt.rebin(spikes, 3)
    net = delayed(pass_through([cuba.Dense(parameters, 40, 10, weight_scale=4, delay=True)], bins), 7)
    lava = to_lava(net, tag="floating_pt", clock=clock)
    layer = describe(net).layers[0]
    layer = layer if clock == "coarse" else describe(net).on_fine_clock().layers[0]
    values = lava.encode((bins if clock == "coarse" else spikes).numpy())[0]
    (found,) = run_lava([(values, [lava.inp])], [lava.out], 50, lava.tag)
    expected = np.zeros((80, 10))
    current, voltage = np.zeros(10), np.zeros(10)
    for step in range(bins.shape[-1]):
        current = current * (1 - layer.neuron.current_decay / 4096) + layer.weight @ bins[0, :, step].numpy()
        voltage = voltage * (1 - layer.neuron.voltage_decay / 4096) + current
        fired = voltage > layer.neuron.threshold
        voltage = voltage - layer.neuron.threshold * fired
        sent = 1 + (step if clock == "coarse" else 3 * (step + 1) - 1) + layer.delay  # Lava is one step behind
        expected[sent, np.arange(10)] = fired
    assert layer.delay.max() > 1
    assert expected.sum() > 20
    steps = len(values) + 1  # behind the input soft resets go on
    assert np.array_equal(found[:steps], expected[:steps])


def test_samples_follow_each_other_through_resets(parameters, run_lava) -> None:
    """Each as if it were alone, in every layer, with delays under way at its end."""
    spikes = (torch.rand(3, 20, STEPS) < 0.2).float()
    net = [
        cuba.Dense(parameters, 20, 10, weight_scale=5, delay=True),
        cuba.Dense({**parameters, "timestep": lava_dt.Timestep(1, reset="soft")}, 10, 6, weight_scale=6),
    ]
    expected = delayed(pass_through(net, spikes), 9)[1](net[0](spikes))
    lava = to_lava(net, reset_interval=STEPS)
    values = lava.encode(spikes.numpy())
    (found,) = run_lava([(values.reshape(-1, 20), [lava.inp])], [lava.out], 3 * STEPS + 1)
    for sample in range(3):
        begin = sample * STEPS
        assert np.array_equal(found[begin + 2 : begin + STEPS], expected[sample].T[2:].detach().numpy())
    assert expected.sum() > 20


def test_states_zeroed_make_a_network_as_new(parameters) -> None:
    """`simulate` does it between samples: nothing under way in delays, feedback, bins or synapses is left."""
    timestep = lava_dt.Timestep(4, clock="coarse", scheme="exponential", reset="soft")
    parameters |= {"timestep": timestep}
    spikes = (torch.rand(1, 20, 22) < 0.4).float()
    net = [cuba.Recurrent(parameters, 20, 10, weight_scale=5, delay=True), cuba.Average(5)]
    delayed(pass_through(net, lava_dt.rebin(spikes, 4)), 9)
    lava = to_lava(net, clock="held")
    twice = np.repeat(lava.encode(spikes.numpy()), 2, axis=0)
    trace, sums = simulate(lava, twice, 24, 60)
    assert trace.spikes[0].sum() > 10
    for name in ("spikes", "current", "voltage"):
        assert np.array_equal(getattr(trace, name)[0], getattr(trace, name)[1])
    assert np.array_equal(sums.output[0], sums.output[1])
    assert len(lava.states) == 7


def test_a_network_says_what_it_is_made_of(parameters) -> None:
    images = torch.zeros(1, 2, 6, 4, 3)
    net = pass_through([cuba.Pool(parameters, 2), cuba.Flatten(), cuba.Dense(parameters, 12, 5)], images)
    lava = to_lava(net, input_shape=(4, 6, 2))
    assert str(lava) == "coarse clock, dt=1, fixed_pt\n0: pool 2x3x2\n2: dense 5"
    assert (len(lava), lava.inp.shape, lava.out.shape) == (2, (4, 6, 2), (5,))
    assert [block.kind for block in lava.layers] == ["pool", "dense"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clock": "fine"}, "clock is 'fine': pass one of 'held', 'coarse'"),
        ({"tag": "float"}, "tag is 'float': pass one of 'fixed_pt', 'floating_pt'"),
        ({"num_layers": 0}, "num_layers is 0: pass 1 or more, or None for all"),
        ({"saturate": True}, "saturate is for fine steps that are binned in Lava, which this network's are not"),
        ({"sample": (5, 4)}, r"sample is \(5, 4\) at dt=1: pass \(steps of a sample, period"),
        ({}, r"layer 0 \(pool\) comes first, and the network does not say what images it takes: pass input_shape="),
        ({"input_shape": (6, 4, 2)}, r"layer 0 \(pool\) has the shape \(2, 3, 2\), but of an input_shape \(6, 4, 2\)"),
        ({"reset_interval": 0, "input_shape": (4, 6, 2)}, "reset_interval is 0: it must be 1 step or more"),
        ({"input_message_bits": 9}, "input_message_bits is 9: pass 0 for spikes of 0 or 1, up to 8 for counts up to"),
        ({"input_message_bits": -1}, "input_message_bits is -1: pass 0 for spikes"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message, parameters) -> None:
    net = pass_through([cuba.Pool(parameters, 2)], torch.zeros(1, 2, 6, 4, 3))
    with pytest.raises(ValueError, match=message):
        to_lava(net, **options)


def test_resets_within_a_bin_of_the_held_clock_are_refused(parameters) -> None:
    net = pass_through(dense_at(4, parameters), torch.zeros(1, 6, 8))
    within = {"reset_interval": 18}, {"reset_interval": 20, "reset_offset": 3}
    for options in within:
        with pytest.raises(ValueError, match=r"on the held clock both must be multiples of dt, 4, or a sample would"):
            to_lava(net, **options)
    with pytest.raises(ValueError, match=r"multiples of the samples' period, 24, or"):
        to_lava(net, reset_interval=20, sample=(18, 24))
    assert to_lava(net, reset_interval=24, sample=(18, 24)).reset_interval == 24
    assert to_lava(net, reset_interval=20, reset_offset=4).reset_interval == 20


def test_what_cannot_be_done_is_refused_by_the_layers_name(parameters) -> None:
    spikes = torch.zeros(1, 6, 8)
    heads = pass_through([cuba.Affine(parameters, 6, 4), cuba.Dense(parameters, 4, 2)], spikes)
    with pytest.raises(ValueError, match=r"layer 0 \(affine\) sends no spikes, which layer 1 \(dense\) cannot take"):
        to_lava(heads)
    assert len(to_lava(heads, num_layers=1)) == 1
    sums = pass_through([cuba.Dense(parameters, 6, 4), cuba.Average(2), cuba.Dense(parameters, 2, 2)], spikes)
    with pytest.raises(ValueError, match=r"layer 1 \(average\) sends sums, .* pass num_layers=2 and do the rest"):
        to_lava(sums)
    drops = lava_dt.Timestep(4, between="drop")
    dropping = pass_through([cuba.Dense({**parameters, "timestep": drops}, 6, 4)], spikes)
    with pytest.raises(ValueError, match="drops what comes between its grid steps, which the coarse clock does not"):
        to_lava(dropping, clock="coarse")
    with pytest.raises(ValueError, match=r"a sample has 6 steps, .* pass samples of a multiple of that"):
        to_lava(dropping, sample=(6, 8))
    hop = pass_through([cuba.Input(timestep=lava_dt.Timestep(2)), *dense_at(2, parameters)], spikes)
    with pytest.raises(ValueError, match=r"layer 0 \(input\) lets one fine step pass, which bins .* delay_shift=False"):
        to_lava(hop, clock="coarse")
    with pytest.raises(ValueError, match="the first 1 layers have no neurons: nothing is left to run"):
        to_lava(hop, num_layers=1)


def dense_at(dt: int, parameters: dict) -> list:
    return [cuba.Dense({**parameters, "timestep": lava_dt.Timestep(dt)}, 6, 4)]
