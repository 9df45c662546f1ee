"""The file that is written, and what is refused before anything is."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import h5py
import numpy as np
import pytest
import torch
from lava.lib.dl import slayer
from lava.lib.dl.netx import hdf5
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import write_hdf5
from lava_dt.export.blocks import describe
from lava_dt.export.description import image_shape


@pytest.fixture
def net(parameters, spikes):
    """Two trained layers of 40-10-5 with weight norm and delays, at dt = 4."""
    parameters["timestep"] = lava_dt.Timestep(4, clock="coarse", scheme="exponential", gain="integral")
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 10, weight_scale=4, weight_norm=True, delay=True), cuba.Dense(parameters, 10, 5)
    )
    net(lava_dt.rebin(spikes, 4))
    net[0].delay.delay.data = torch.linspace(0, 62, 10)
    return net


def test_the_file_holds_the_registers_of_the_step(net, tmp_path) -> None:
    write_hdf5(net, tmp_path / "trained.net", fine_step=1e-3)
    with h5py.File(tmp_path / "trained.net") as file:
        assert dict(file.attrs) | {"lava_dt_version": b""} == {
            "format": b"lava_dt",
            "format_version": 2,
            "lava_dt_version": b"",
            "dt": 4,
            "clock": b"coarse",
            "fine_step": 1e-3,
        }
        layer = file["layer/0"]
        assert dict(layer.attrs) == {
            "dt": 4,
            "clock": b"coarse",
            "scheme": b"exponential",
            "reset": b"hard",
            "gain": b"integral",
            "between": b"accumulate",
            "saturate": False,
            "block": b"dense",
            "hop": 1,
            "latency": 1,
        }
        neuron = net[0].neuron
        assert layer["neuron/iDecay"][()] == neuron.cx_current_decay == round(4096 * (1 - 0.75**4))
        assert layer["neuron/vDecay"][()] == neuron.cx_voltage_decay
        assert layer["neuron/vThMant"][()] == neuron.v_th_mant < 80
        assert layer["weight"].shape == (10, 40)
        # a delay of d fine steps arrives ceil((1 + floor(d)) / 4) steps later, one of which Lava's synapses take
        fine = np.floor(net[0].delay.delay.detach().numpy()).astype(int)
        assert layer["delay"][()].tolist() == [-(-(1 + d) // 4) - 1 for d in fine]
        assert "delay" not in file["layer/1"]
        # what training starts from, which netx does not look at
        assert layer["fine/current_decay"][()] == 1024
        assert np.array_equal(layer["fine/delay"][()], np.linspace(0, 62, 10, dtype=np.float32))
        assert layer["fine"].attrs["threshold"] == 1.25
        assert layer["fine"].attrs["max_delay"] == 62


def test_netx_loads_the_file(net, tmp_path) -> None:
    net[0].delay.delay.data[:] = 0
    write_hdf5(net, tmp_path / "trained.net")
    network = hdf5.Network(str(tmp_path / "trained.net"))
    assert len(network) == 2
    assert network.inp.shape == (40,)
    weight = net[0].synapse.pre_hook_fx(net[0].synapse.weight, descale=True).reshape(10, 40)
    synapse = network.layers[0].synapse
    assert np.array_equal(synapse.weights.init >> -synapse.proc_params["weight_exp"], weight.detach().numpy())


def test_netx_refuses_a_soft_reset_instead_of_zeroing_the_voltage(parameters, spikes, tmp_path) -> None:
    net = torch.nn.Sequential(cuba.Dense(parameters, 40, 5, timestep=lava_dt.Timestep(reset="soft")))
    net(spikes)
    write_hdf5(net, tmp_path / "soft.net")
    with pytest.raises(AttributeError):
        hdf5.Network(str(tmp_path / "soft.net"))


def test_writing_changes_nothing_in_the_network(net, tmp_path) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    write_hdf5(net, tmp_path / "trained.net")
    assert before.keys() == net.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert net[0].synapse.weight_norm_enabled
    assert net.training


def test_the_weights_are_those_of_the_next_pass_not_of_the_last(net) -> None:
    net[0].synapse.weight_g.data *= 1.5
    written = describe(net).layers[0].weight
    net[0](torch.zeros(1, 40, 3))
    used = net[0].synapse.pre_hook_fx(net[0].synapse.weight, descale=True).reshape(10, 40)
    assert np.array_equal(written, used.detach().numpy())


@pytest.mark.parametrize("weight_norm", [False, True])
def test_masked_weights_are_zero(parameters, spikes, weight_norm) -> None:
    mask = torch.rand(5, 40) < 0.5
    net = torch.nn.Sequential(cuba.Dense(parameters, 40, 5, weight_scale=4, mask=mask, weight_norm=weight_norm))
    net(spikes)
    (net[0].synapse.weight_v if weight_norm else net[0].synapse.weight).data += 1
    assert not describe(net).layers[0].weight[~mask.numpy()].any()


def test_a_failed_write_leaves_the_old_file_and_no_other(net, tmp_path, monkeypatch) -> None:
    path = tmp_path / "trained.net"
    write_hdf5(net, path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(lava_dt.export.hdf5, "_write_neuron", full)
    with pytest.raises(OSError, match="no space left"):
        write_hdf5(net, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_or_a_negative_step_is_refused(net, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist: create it"):
        write_hdf5(net, tmp_path / "nowhere" / "trained.net")
    with pytest.raises(ValueError, match=r"fine_step is -1: .* in seconds, above 0"):
        write_hdf5(net, tmp_path / "trained.net", fine_step=-1)


def refusal(net: object) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        describe(net)
    return str(caught.value)


def built(parameters: dict, *blocks: torch.nn.Module, shape: tuple = (40,)) -> torch.nn.Sequential:
    net = torch.nn.Sequential(*(blocks or [cuba.Dense(parameters, 40, 5)]))
    net(torch.zeros(1, *shape, 10))
    return net


def test_what_is_no_network_of_blocks_is_refused(parameters) -> None:
    assert "the network is a dict: pass a torch.nn.Sequential" in refusal({})
    assert "the network is a list" in refusal([])
    assert "layer 0 (Linear) cannot be exported: netx's format has Input, Flatten," in refusal([torch.nn.Linear(3, 3)])
    assert "no layer with neurons" in refusal(built(parameters, cuba.Input()))


def test_layers_of_other_kinds_are_refused_by_their_place_and_kind(parameters) -> None:
    net = built(parameters, cuba.Dense(parameters, 40, 4), cuba.KWTA(parameters, 4, 4, num_winners=2))
    assert "layer 1 (KWTA) cannot be exported" in refusal(net)
    net = built(parameters, cuba.Dense(parameters, 40, 4), cuba.TimeDecimation(2))
    assert "layer 1 (TimeDecimation) cannot be exported" in refusal(net)


def test_what_a_hook_adds_to_the_synapses_is_not_dropped_in_silence(net) -> None:
    net[1].synapse.register_forward_hook(lambda synapse, given, delivered: delivered + 1)
    with pytest.raises(ValueError, match=r"layer 1 \(Dense\) cannot be exported: a hook changes what its synapses"):
        describe(net)


def test_a_network_that_never_ran_is_refused(parameters) -> None:
    net = torch.nn.Sequential(cuba.Dense(parameters, 40, 5))
    assert "layer 0 (Dense) does not know its shape yet: run the network once" in refusal(net)
    net = built(parameters, cuba.Dense(parameters, 40, 5, delay=True))
    net[0].delay.init = False
    assert "has not drawn its delays yet" in refusal(net)


def test_layers_of_different_dt_or_clock_are_refused(parameters) -> None:
    def said(*steps: lava_dt.Timestep) -> str:
        return refusal(built(parameters, *(cuba.Dense(parameters, 40, 40, timestep=step) for step in steps)))

    coarse, held = lava_dt.Timestep(2, clock="coarse"), lava_dt.Timestep(2)
    assert "layer 1 (dense) has dt=2 and layer 0 (dense) dt=1" in said(lava_dt.Timestep(), coarse)
    assert "layer 1 (dense) is on the held clock and layer 0 (dense) on the coarse one" in said(coarse, held)


def test_neurons_that_lava_does_not_have_are_refused(parameters) -> None:
    assert "has graded spikes" in refusal(built({**parameters, "graded_spike": True}))
    norm = {**parameters, "norm": slayer.neuron.norm.WgtScaleBatchNorm}
    assert "normalises its current (WgtScaleBatchNorm)" in refusal(built(norm))
    images = built(norm, cuba.Input(norm))
    assert "layer 0 (Input) normalises its current, which an input block" in refusal(images)
    alif = {"threshold": 1, "threshold_step": 1, "current_decay": 0.1, "voltage_decay": 0.1}
    net = built(parameters)
    net[0].neuron = slayer.neuron.alif.Neuron(**alif, threshold_decay=0.1, refractory_decay=0.1)
    net[0].neuron.shape = (5,)
    assert "has neurons of type Neuron: only CuBa" in refusal(net)


def test_registers_that_do_not_hold_the_value_are_refused(parameters) -> None:
    assert "threshold of 131072 to 131072" in refusal(built({**parameters, "threshold": 2048}))
    net = built(parameters)
    net[0].neuron._threshold = 0
    assert "threshold of 0 to 0" in refusal(net)
    net = built(parameters)
    net[0].neuron.current_decay.data[:] = -1
    assert "current_decay of -1 to -1 in units of 1/4096" in refusal(net)


def test_weights_beyond_loihis_eight_bits_are_refused(parameters) -> None:
    net = built(parameters)
    net[0].synapse.weight.data[1, 2] = 3 / 64
    net[0].synapse.pre_hook_fx = None
    assert "which is no even multiple of 1/64" in refusal(net)
    net[0].synapse.weight.data[1, 2] = float("nan")
    assert "a weight that is no finite number: its training has diverged" in refusal(net)
    net[0].synapse.weight.data[:] = 0
    net[0].synapse.weight.data[1, 2] = 256 / 64
    assert "has weights from 0 to 4: Loihi's 8 bits end at -4 and 3.96875" in refusal(net)


def test_delays_of_any_length_are_written_and_what_netx_makes_of_them_is_told(parameters, tmp_path) -> None:
    net = built(parameters, cuba.Dense(parameters, 40, 5, delay=True))
    net[0].delay.max_delay = None
    net[0].delay.delay.data[2] = 62.9
    write_hdf5(net, tmp_path / "trained.net")
    net[0].delay.delay.data[2] = 40000.5
    with pytest.warns(UserWarning, match=r"layer 0 \(dense\) has a delay of 40000 steps, and a Loihi chip has 62, to"):
        write_hdf5(net, tmp_path / "trained.net")
    with h5py.File(tmp_path / "trained.net") as file:
        assert file["layer/0/delay"][2] == 40000
    net[0].delay.delay.data[2] = 2e6
    assert "has a delay of 2e+06 fine steps: 1048576 at most can be exported" in refusal(net)
    net[0].delay.max_delay = 62
    assert describe(net).layers[0].delay[2] == 62
    net[0].delay.delay.data[2] = float("nan")
    assert "has a delay that is no number: its training has diverged" in refusal(net)


@pytest.mark.parametrize("given", [lava_dt.Timestep(4), lava_dt.Timestep(4, scheme="exponential", gain="integral")])
def test_the_held_clock_has_the_registers_of_its_coarse_twin(given, parameters) -> None:
    held = built({**parameters, "timestep": given}, cuba.Dense({**parameters, "timestep": given}, 40, 6, delay=True))
    held[0].delay.delay.data = torch.tensor([0, 2.9, 3, 4, 90.5, 7])
    coarse = lava_dt.discretize(copy.deepcopy(held), dataclasses.replace(given, clock="coarse"))
    one, other = describe(held), describe(coarse)
    assert one.layers[0].differs_from(other.layers[0]) == "timestep"
    assert one.timestep == given
    assert other.layers[0].delay.tolist() == [0, 0, 0, 1, 15, 1]
    assert one.latencies() == [1]


def test_on_the_fine_clock_hop_and_delays_are_in_fine_steps(parameters) -> None:
    step = lava_dt.Timestep(4, clock="coarse", gain="integral")
    parameters["timestep"] = step
    layers = cuba.Input(timestep=step), cuba.Dense(parameters, 40, 6, delay=True), cuba.Dense(parameters, 6, 2)
    net = built(parameters, *layers)
    net[1].delay.max_delay = 62
    net[1].delay.delay.data = torch.tensor([0, 2.9, 3, 4, 90.5, -7])
    coarse = describe(net)
    fine = coarse.on_fine_clock()
    assert fine.timestep == dataclasses.replace(step, clock="held")
    assert {layer.timestep for layer in fine.layers} == {fine.timestep}
    assert fine.layers[1].delay.tolist() == [0, 2, 3, 4, 62, 0]
    assert fine.layers[1].neuron is coarse.layers[1].neuron
    # a whole bin passes in an input block on the coarse clock; on the held clock a fine step
    assert [layer.hop for layer in fine.layers] == [4, 1, 1]
    lava_dt.discretize(net, fine.timestep)
    assert [layer.hop for layer in describe(net).on_fine_clock().layers] == [1, 1, 1]
    unknown = dataclasses.replace(coarse.layers[1], fine=None)
    taken = dataclasses.replace(coarse, layers=(coarse.layers[0], unknown)).on_fine_clock().layers[1].delay
    assert taken.tolist() == [3, 3, 3, 7, 63, 3]
    assert np.array_equal(-(-(1 + taken) // 4) - 1, coarse.layers[1].delay)
    at_once = dataclasses.replace(coarse, layers=(dataclasses.replace(unknown, delay=None),))
    assert at_once.on_fine_clock().layers[0].delay is None


def test_dropped_input_is_written_with_a_warning(parameters, tmp_path) -> None:
    net = built({**parameters, "timestep": lava_dt.Timestep(4, between="drop")})
    with pytest.warns(UserWarning, match="drops what arrives between its grid steps .* netx, .* would deliver it"):
        write_hdf5(net, tmp_path / "dropping.net")


def test_layers_that_do_not_fit_each_other_are_refused(parameters) -> None:
    image = built(parameters, cuba.Dense(parameters, (4, 3, 2), 5), shape=(2, 3, 4))
    assert "layer 0 (Dense) takes an image of shape (2, 3, 4): put a Flatten block before it" in refusal(image)
    one, two = built(parameters), built(parameters)
    assert "layer 1 (dense) takes 40 neurons but layer 0 (dense) before it has 5" in refusal([*one, *two])
    first = built(parameters, cuba.Input(parameters, weight=1, bias=0))
    assert "layer 1 (input) must be the first layer" in refusal([*one, *first])
    scaled = built(parameters, cuba.Input({**parameters, "scale": 128}, weight=1))
    assert "with scale=64 only" in refusal(scaled)


@pytest.mark.parametrize("kind", ["Pool", "Unpool"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_poolings_are_described_where_lava_dl_keeps_their_channels_apart(kind, channels, parameters) -> None:
    # voltages are the sums: no leak, no threshold within reach
    parameters |= {"threshold": 1000, "current_decay": 1, "voltage_decay": 1}
    image, described, mixed = torch.rand(1, channels, 7, 7, 1).mul(100).round(), 0, 0
    for kernel, stride, padding, dilation in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        net = [cuba.Input(), getattr(cuba, kind)(parameters, kernel, **options)]
        net[0](image)
        try:
            net[1](image)
            together = net[1].synapse(image)
        except RuntimeError:  # a kernel beyond the image, or a shape that falls apart
            continue
        alone = [net[1].synapse(image[:, i : i + 1]) for i in range(channels)]
        apart = alone[0].shape[2] == together.shape[2] and torch.equal(torch.cat(alone, 1), together)
        try:
            layer = describe(net).layers[1]
        except ValueError as error:
            assert "mixes channels" in str(error) or "its kernel makes" in str(error)
            assert not apart or padding, (kernel, options)  # what reaches zeros only is refused too
            mixed += 1
        else:
            assert apart, (kernel, options)
            assert image_shape(layer, (channels, 7, 7)) == tuple(together.shape[1:4])
            described += 1
    assert described > 2
    assert channels == 1 or mixed > 0


def test_netx_runs_the_coarse_twin_of_a_network_on_the_held_clock(parameters, spikes, tmp_path) -> None:
    held = {**parameters, "timestep": lava_dt.Timestep(4, scheme="exponential", gain="integral")}
    net = torch.nn.Sequential(
        cuba.Dense(held, 40, 10, weight_scale=4, delay=True), cuba.Dense(held, 10, 5, weight_scale=4)
    )
    net(spikes[:1])
    net[0].delay.delay.data *= 20
    expected = lava_dt.rebin(net(spikes[:1])[0].detach(), 4).numpy()
    write_hdf5(net, tmp_path / "held.net")
    network = hdf5.Network(str(tmp_path / "held.net"), input_message_bits=8)
    bins = lava_dt.rebin(spikes[0], 4).numpy().astype(np.int32)
    source, sink = RingBuffer(data=bins), Sink(shape=network.out.shape, buffer=bins.shape[-1])
    source.s_out.connect(network.inp)
    network.out.connect(sink.a_in)
    network.run(condition=RunSteps(bins.shape[-1]), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    given = sink.data.get()
    network.stop()
    assert expected.sum() > 5
    # lava-dl lets a step pass after every block, Lava before: the output comes at the same step
    assert np.array_equal(given, expected)
