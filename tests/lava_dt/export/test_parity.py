"""The trained network and its Lava process compute the same integers, and `verify` notices when they do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lava.lib.dl import slayer
from lava.lib.dl.netx import hdf5
from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import to_lava, verify, write_hdf5

STEPS = {
    "fine": lava_dt.Timestep(),
    "fine, soft": lava_dt.Timestep(1, reset="soft"),
    "2, forward Euler": lava_dt.Timestep(2, clock="coarse"),
    "3, forward Euler, integral, soft": lava_dt.Timestep(3, clock="coarse", gain="integral", reset="soft"),
    "5, exponential": lava_dt.Timestep(5, clock="coarse", scheme="exponential"),
    "10, exponential, integral": lava_dt.Timestep(10, clock="coarse", scheme="exponential", gain="integral"),
    "10, bilinear, integral, soft": lava_dt.Timestep(
        10, clock="coarse", scheme="bilinear", gain="integral", reset="soft", saturate=True
    ),
}


def dense(parameters: dict, n_pre: int, n_post: int, **options) -> torch.nn.Module:
    return cuba.Dense(parameters, n_pre, n_post, weight_scale=4, **options)


@pytest.mark.parametrize("timestep", STEPS.values(), ids=STEPS.keys())
def test_three_layers_spike_in_lava_as_trained(timestep, parameters, spikes) -> None:
    parameters["timestep"] = timestep
    own_decays = {**parameters, "shared_param": False, "current_decay": (0.2, 0.25), "voltage_decay": (0.02, 0.1)}
    net = torch.nn.Sequential(
        dense(parameters, 40, 30, weight_norm=True, delay=True),
        dense(own_decays, 30, 20, delay=True),
        dense(parameters, 20, 5),
    )
    bins = lava_dt.rebin(spikes[:3], timestep.dt)
    net(bins)
    net[0].delay.delay.data = 30 * torch.rand(30)
    report = verify(net, bins)
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers) > 20
    assert (report.samples, report.steps, report.dt) == (3, bins.shape[-1], timestep.dt)
    assert [layer.lava_spikes for layer in report.layers] == [layer.spikes for layer in report.layers]
    with torch.no_grad():
        assert torch.equal(torch.from_numpy(report.output).float(), net.eval()(bins))
    assert "0 of" in str(report)


def test_lava_dls_own_blocks_without_hops_and_with_decays_0_and_4096_spike_as_trained(parameters, spikes) -> None:
    net = torch.nn.Sequential(
        slayer.block.cuba.Dense({**parameters, "current_decay": 1}, 40, 30, weight_scale=6, delay_shift=False),
        slayer.block.cuba.Dense({**parameters, "voltage_decay": 1}, 30, 30, weight_scale=6, delay=True),
        slayer.block.cuba.Dense({**parameters, "voltage_decay": 0, "scale": 128}, 30, 5, delay_shift=False, delay=True),
        slayer.block.cuba.Dense({**parameters, "current_decay": 0}, 5, 5, weight_scale=4),
    )
    net(spikes)
    net[1].delay.delay.data = 62 * torch.rand(30)
    net[2].delay.delay.data = 5 * torch.rand(5)
    report = verify(net, spikes[:2])
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers) > 5


@pytest.mark.parametrize("dt", [1, 2])
def test_an_image_through_an_input_block_and_flatten_spikes_as_trained(dt, parameters) -> None:
    timestep = lava_dt.Timestep(dt, clock="coarse", scheme="exponential")
    parameters["timestep"] = timestep
    own_decays = {**parameters, "shared_param": False}
    net = torch.nn.Sequential(cuba.Input(own_decays, weight=0.51, bias=0.2), cuba.Flatten(), dense(parameters, 24, 6))
    values = torch.randint(-1, 4, (2, 2, 3, 4, 30)).float()
    net(values)
    report = verify(net, values)
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers) > 20


@pytest.mark.parametrize("before", [[], [cuba.Input()]], ids=["flatten first", "input block first"])
def test_images_of_counts_flatten_in_the_same_order(before, parameters) -> None:
    parameters |= {"threshold": 20, "voltage_decay": 0.5}
    net = torch.nn.Sequential(*before, cuba.Flatten(), dense(parameters, 24, 6))
    counts = torch.randint(0, 256, (2, 2, 3, 4, 20)).float()
    net(counts)
    report = verify(net, counts)
    assert report.identical, str(report)
    assert report.spikes > 20


def test_weights_that_netx_would_change_reach_the_synapses_as_they_are(parameters) -> None:
    net = torch.nn.Sequential(dense(parameters, 4, 4), dense(parameters, 4, 4), dense(parameters, 4, 4))
    for block, weight in zip(net, (64, -256, 0), strict=True):
        block.synapse.weight.data[:] = weight / 64
    spikes = (torch.rand(1, 4, 40) < 0.3).float()
    net(spikes)
    report = verify(net, spikes)
    assert report.identical, str(report)
    assert report.spikes > 20


def test_the_report_of_a_written_file_is_that_of_the_network(tmp_path, parameters, spikes) -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([dense(parameters, 40, 10, count_log=True), dense(parameters, 10, 5)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
                x = x[0] if isinstance(x, tuple) else x
            return x

    net = Network()
    net(spikes)
    write_hdf5(net, tmp_path / "trained.net")
    report = verify(net, spikes[:1].numpy(), tmp_path / "trained.net")
    assert report.identical, str(report)
    net.blocks[1].synapse.weight.data *= 1.5
    assert not verify(net, spikes[:1], tmp_path / "trained.net").identical


def test_verifying_leaves_the_network_as_it_was(parameters, spikes) -> None:
    parameters |= {"persistent_state": True, "dropout": slayer.neuron.Dropout(0.2)}
    net = torch.nn.Sequential(dense(parameters, 40, 10, weight_norm=True, delay=True), dense(parameters, 10, 5))
    net(spikes)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    states = [block.neuron.voltage_state.clone() for block in net]
    assert verify(net, spikes[:1]).identical
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(torch.equal(block.neuron.voltage_state, state) for block, state in zip(net, states, strict=True))
    assert net[0].synapse.weight_norm_enabled
    assert net[0].neuron.persistent_state is True


def with_delays(*blocks: torch.nn.Module) -> torch.nn.Sequential:
    for block in blocks:
        if getattr(block, "delay", None) is not None:
            block.delay.init = True
            block.delay.delay.data = 12 * torch.rand(block.neuron.shape[0] if block.neuron.shape else 12)
    return torch.nn.Sequential(*blocks)


def images(parameters: dict) -> list[torch.nn.Module]:
    """2 x 7 x 7 -> 5, with every kind of layer of images; the first pooling does not divide its image."""
    sensitive = {**parameters, "threshold": 0.4}
    return [
        cuba.Conv(dict(parameters), 2, 4, 3, weight_scale=4, delay=True),
        cuba.Pool(dict(sensitive), 2, weight_scale=2),
        cuba.ConvT(dict(parameters), 4, 3, 2, stride=2, weight_scale=4, delay=True),
        cuba.Unpool(dict(sensitive), 2, weight_scale=2),
        cuba.Flatten(),
        dense(parameters, 3 * 12 * 12, 5),
    ]


def rows(parameters: dict) -> list[torch.nn.Module]:
    """40 -> 5, with biases, feedback, and voltages at the end."""
    biased = {**parameters, "norm": MeanOnlyBatchNorm}
    return [
        cuba.Dense(biased, 40, 20, weight_scale=4, delay=True),
        cuba.Recurrent(dict(parameters), 20, 12, weight_scale=4, delay=True),
        cuba.Affine(dict(parameters), 12, 5, weight_scale=4),
    ]


def groups(parameters: dict) -> list[torch.nn.Module]:
    """40 -> 4, averages at the end."""
    return [dense(parameters, 40, 20, delay=True), dense(parameters, 20, 12, delay=True), cuba.Average(4)]


HELD = lava_dt.Timestep(3, scheme="exponential", gain="integral", reset="soft")
COARSE = lava_dt.Timestep(3, clock="coarse", scheme="exponential", gain="integral")


@pytest.mark.parametrize(
    ("blocks", "timestep", "clock"),
    [
        (images, lava_dt.Timestep(1, reset="soft"), None),
        (images, COARSE, None),
        (images, HELD, None),
        (rows, lava_dt.Timestep(), None),
        (rows, COARSE, "held"),
        (rows, HELD, None),
        (rows, HELD, "coarse"),
        (groups, COARSE, "held"),
        (groups, HELD, None),
    ],
)
def test_every_kind_of_layer_spikes_as_trained_on_every_clock_within_its_last_bin_too(
    blocks, timestep, clock, parameters
) -> None:
    parameters["timestep"] = timestep
    shape = (2, 7, 7) if blocks is images else (40,)
    fine = (torch.rand(2, *shape, 31) < 0.2).float()
    spikes = lava_dt.rebin(fine, 3) if timestep is COARSE else fine
    net = torch.nn.Sequential(*blocks(parameters))
    net(spikes)
    for block in with_delays(*net):
        if getattr(block, "neuron", None) is not None and block.neuron.norm is not None:
            block.neuron.norm.running_mean.data = -0.06 * torch.rand(block.neuron.norm.running_mean.shape)
    report = verify(net, spikes if clock is None else fine, clock=clock)
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers if layer.name[-8:] not in ("(affine)", "average)")) > 10
    held = (clock or timestep.clock) == "held" and timestep.dt > 1
    assert (
        (report.clock, report.steps) == ("held", 31) if held else ("coarse", spikes.shape[-1] if clock is None else 11)
    )
    assert report.input_differs == 0


def test_lava_dls_own_recurrent_and_affine_blocks_compute_as_trained(parameters, spikes) -> None:
    net = torch.nn.Sequential(
        slayer.block.cuba.Recurrent(dict(parameters), 40, 20, weight_scale=4),
        slayer.block.cuba.Affine(dict(parameters), 20, 5, weight_scale=4, dynamics=False),
    )
    net(spikes)
    report = verify(net, spikes[:2])
    assert report.identical, str(report)
    assert report.spikes > 100


def test_netxs_own_network_is_compared_and_the_delays_that_it_cuts_are_told(tmp_path, parameters, spikes) -> None:
    net = torch.nn.Sequential(dense(parameters, 40, 10, delay=True), dense(parameters, 10, 5))
    net(spikes)
    net[0].delay.delay.data = torch.arange(10.0)
    write_hdf5(net, tmp_path / "short.net")
    report = verify(net, spikes[:2], hdf5.Network(str(tmp_path / "short.net")))
    assert report.identical, str(report)
    net[0].delay.max_delay = 100
    net[0].delay.delay.data[3] = 70
    with pytest.warns(UserWarning, match="62"):
        write_hdf5(net, tmp_path / "long.net")
    first = verify(net, spikes[:2], hdf5.Network(str(tmp_path / "long.net"))).first
    assert (first.layer, first.neuron) == ("layer 0 (dense)", (3,))
    assert first.cause == "netx cuts this neuron's delay of 70 steps to 62: to_lava does not"


def test_an_input_that_reaches_lava_changed_is_the_first_difference(parameters, spikes, monkeypatch) -> None:
    net = small_net(parameters, spikes)
    lava = to_lava(net)
    encode = lava.encode

    def changed(values):
        rows = encode(values)
        rows[1, 7, 21] = 1 - rows[1, 7, 21]
        return rows

    monkeypatch.setattr(lava, "encode", changed)
    report = verify(net, spikes[:2], lava)
    assert (report.input_differs, report.identical) == (1, False)
    first = report.first
    assert (first.sample, first.layer, first.neuron, first.step, first.quantity) == (1, "input", (21,), 7, "input")
    assert "1 entries of the input differ" in str(report)


def test_many_samples_are_compared_a_few_at_a_time(parameters, spikes, monkeypatch) -> None:
    net = small_net(parameters, spikes)
    whole = verify(net, spikes)
    monkeypatch.setattr("lava_dt.export.parity._AT_ONCE", 40 * 100)
    monkeypatch.setattr("lava_dt.export.parity._RECORDED", 3 * 40 * 100)
    pieces = verify(net, spikes)
    assert (pieces.layers, pieces.samples, pieces.identical) == (whole.layers, 4, True)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lava": 3}, TypeError, "lava is a int: pass a file, a network of to_lava"),
        ({"clock": "fine"}, ValueError, "clock is 'fine': pass 'held' or 'coarse'"),
    ],
)
def test_what_cannot_be_compared_is_refused(options, error, words, parameters, spikes) -> None:
    with pytest.raises(error, match=words):
        verify(small_net(parameters, spikes), spikes, **options)


def test_a_network_built_for_other_samples_is_refused(parameters) -> None:
    parameters["timestep"] = HELD
    spikes = torch.zeros(2, 40, 31)
    net = small_net(parameters, spikes)
    with pytest.raises(ValueError, match=r"was built with sample=\(30, 40\), and these samples need sample=\(33, 36\)"):
        verify(net, spikes, to_lava(net, sample=(30, 40)))
    assert verify(net, spikes, to_lava(net, sample=(31, 40))).identical
    with pytest.raises(ValueError, match="clock is 'coarse', but the Lava network runs on the held clock"):
        verify(net, spikes, to_lava(net), clock="coarse")
    for options, words in (({"tag": "floating_pt"}, "computes in floats"), ({"reset_interval": 9}, "or resets itself")):
        with pytest.raises(ValueError, match=words):
            verify(net, spikes, to_lava(net, **options))
    other = small_net({**parameters, "timestep": lava_dt.Timestep(5, scheme="exponential")}, spikes)
    with pytest.raises(ValueError, match="the Lava network runs at dt=5 and the trained one at 3"):
        verify(net, spikes, to_lava(other))
    drops = torch.nn.Sequential(dense({**parameters, "timestep": lava_dt.Timestep(3, between="drop")}, 40, 5))
    drops(spikes)
    with pytest.raises(ValueError, match="the samples have 31 steps, and the network drops"):
        verify(drops, spikes)


SIZES = (40, 10), (10, 5)


def small_net(parameters: dict, spikes: torch.Tensor) -> torch.nn.Sequential:
    net = torch.nn.Sequential(*(dense(parameters, *n) for n in SIZES))
    net(spikes)
    return net


def test_a_changed_threshold_is_caught_with_layer_neuron_and_step(parameters, spikes) -> None:
    net = small_net(parameters, spikes)
    thresholds = torch.full((5,), 80)
    thresholds[3] = 40
    lava = to_lava(net)
    lava.layers[1].neuron.vth.init = thresholds.numpy()
    report = verify(net, spikes[:2], lava)
    assert not report.identical
    assert report.layers[0].differing_spikes == report.layers[0].differing_currents == 0
    assert report.layers[1].differing_currents == 0
    assert report.layers[1].differing_spikes == report.differing_spikes > 0
    assert (report.first.layer, report.first.neuron) == ("layer 1 (dense)", (3,))
    assert report.first.cause == (
        "only one side spikes: its threshold is not 80 in Lava (its threshold is 40 in Lava, 80 in training)"
    )
    voltage = net[1].neuron.dynamics(net[1].synapse(net[0](spikes)))[1][report.first.sample, 3] * 64
    assert int(torch.argmax((voltage > 40).float())) == report.first.step
    assert f"sample {report.first.sample}, layer 1 (dense), neuron 3, step {report.first.step}:" in str(report)


def test_a_changed_weight_is_caught_at_the_first_spike_through_it(parameters, spikes) -> None:
    net = small_net(parameters, spikes)
    lava = to_lava(net)
    lava.layers[0].synapse.weights.init[7, 21] += 2
    report = verify(net, spikes, lava)
    first = report.first
    assert (first.sample, first.layer, first.neuron, first.quantity) == (0, "layer 0 (dense)", (7,), "current")
    assert first.step == int(torch.argmax(spikes[0, 21]))
    assert first.lava - first.trained == 2 << 6
    assert "weights of this neuron" in first.cause


def test_changed_decays_delays_and_feedback_are_told_apart(parameters, spikes) -> None:
    net = torch.nn.Sequential(
        dense(parameters, 40, 20, delay=True), cuba.Recurrent(dict(parameters), 20, 10, weight_scale=4)
    )
    net(spikes)
    net[0].delay.delay.data = 5 * torch.rand(20)
    lava = to_lava(net)
    lava.layers[0].neuron.dv.init = lava.layers[0].neuron.dv.init + 1
    first = verify(net, spikes[:1], lava).first
    assert (first.layer, first.quantity) == ("layer 0 (dense)", "voltage")
    assert "the voltage decay is 124/4096 in Lava, 123/4096 in training" in first.cause
    lava = to_lava(net)
    lava.layers[0].delay.delays.init[4] += 1
    first = verify(net, spikes[:1], lava).first
    assert first.layer == "layer 1 (dense_rec)"
    assert "the delay of channel 4 of layer 0 (dense) is" in first.cause
    lava = to_lava(net)
    lava.layers[1].synapse_rec.weights.init[7, :] += 2
    first = verify(net, spikes[:1], lava).first
    assert (first.layer, first.neuron, first.quantity) == ("layer 1 (dense_rec)", (7,), "current")
    assert "its feedback weight 0 is" in first.cause


def test_changed_biases_and_resets_are_told(parameters, spikes) -> None:
    net = small_net(parameters, spikes)
    lava = to_lava(net)
    lava.layers[1].neuron.bias_mant.init = np.array([0, 0, 0, 2, 0])
    first = verify(net, spikes[:1], lava).first
    assert (first.layer, first.neuron, first.quantity) == ("layer 1 (dense)", (3,), "voltage")
    assert "the bias is 2 in Lava, 0 in training (its bias is 2 in Lava, 0 in training)" in first.cause
    soft = torch.nn.Sequential(*(dense({**parameters, "timestep": lava_dt.Timestep(reset="soft")}, *n) for n in SIZES))
    soft.load_state_dict(net.state_dict())
    soft(spikes)
    first = verify(net, spikes[:1], to_lava(soft)).first
    assert (first.quantity, "its reset is soft in Lava, hard in training" in first.cause) == ("voltage", True)


def test_a_voltage_beyond_24_bits_is_reported_with_its_cause(parameters) -> None:
    net = torch.nn.Sequential(dense({**parameters, "current_decay": 1, "voltage_decay": 0}, 2, 1))
    net[0].synapse.weight.data[:] = -4
    counts = torch.full((1, 2, 10), 200.0)
    net(counts)
    first = verify(net, counts).first
    assert (first.quantity, first.lava) == ("voltage", 1 - (1 << 23))
    assert "the voltage left Loihi's 24 bits and was clipped" in first.cause


def test_a_spike_at_the_threshold_of_lava_dls_float32_is_reported_with_its_cause(parameters) -> None:
    net = torch.nn.Sequential(slayer.block.cuba.Dense({**parameters, "threshold": 64, "current_decay": 1}, 32, 1))
    net[0].synapse.weight.data[:] = 2
    spikes = torch.zeros(1, 32, 5)
    spikes[..., 2] = 1
    net(spikes)
    report = verify(net, spikes)
    assert (report.differing_spikes, report.first.step) == (1, 2)
    assert "fires on equality" in report.first.cause


def test_a_current_beyond_24_bits_is_reported_with_its_cause(parameters) -> None:
    net = torch.nn.Sequential(dense({**parameters, "threshold": 2000, "current_decay": 1 / 4096}, 2, 1))
    net[0].synapse.weight.data[:] = 254 / 64
    counts = torch.full((1, 2, 10), 200.0)
    net(counts)
    report = verify(net, counts)
    assert report.first.quantity == "current"
    assert "24 bits and wrapped" in report.first.cause


def test_a_network_that_is_more_than_its_blocks_is_refused(parameters, spikes) -> None:
    class Skipping(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([dense(parameters, 40, 40), dense(parameters, 40, 5)])

        def forward(self, x):
            return self.blocks[1](x + self.blocks[0](x))

    net = Skipping()
    net(spikes)
    with pytest.raises(ValueError, match=r"layer 1 \(Dense\) does not get what the layer before it sends"):
        verify(net, spikes)


@pytest.mark.parametrize("clock", ["coarse", "held"])
def test_changed_delays_behind_the_last_layer_are_caught(clock, parameters, spikes) -> None:
    parameters["timestep"] = lava_dt.Timestep(2, clock="coarse", scheme="exponential")
    net = torch.nn.Sequential(dense(parameters, 40, 10, delay=True))
    bins = lava_dt.rebin(spikes[:2], 2)
    net(bins)
    net[0].delay.delay.data = 5 * torch.rand(10)
    lava = to_lava(net, clock=clock, input_message_bits=8)
    lava.layers[0].delay.delays.init[4] += 1
    report = verify(net, bins if clock == "coarse" else spikes[:2], lava)
    assert not report.identical
    assert report.differing_spikes == report.differing_voltages == 0
    assert report.layers[0].differing_outputs == report.differing_outputs > 0
    assert (report.first.neuron, report.first.quantity) == ((4,), "output")
    assert "their spikes leave at other steps" in report.first.cause
    assert "the delay of channel 4 of layer 0 (dense)" in report.first.cause


def test_layers_that_never_spike_are_named(parameters, spikes) -> None:
    net = torch.nn.Sequential(dense(parameters, 40, 10), dense({**parameters, "threshold": 1000}, 10, 5))
    net(spikes[:1])
    report = verify(net, spikes[:1])
    assert report.identical
    assert "; layer 1 (dense) never spiked, so that" in str(report)


def test_a_shorter_last_bin_behind_an_input_without_neurons_is_refused(parameters, spikes) -> None:
    parameters["timestep"] = lava_dt.Timestep(3, scheme="exponential")
    net = torch.nn.Sequential(cuba.Input(timestep=parameters["timestep"]), dense(parameters, 40, 5))
    net(spikes[:1])
    with pytest.raises(ValueError, match=r"the samples have 100 steps, and layer 0 \(input\), which has no neurons"):
        verify(net, spikes[:1])
    assert verify(net, spikes[:1, :, :99]).identical
