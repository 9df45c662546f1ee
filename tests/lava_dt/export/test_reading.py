"""A file read back is the network that was written, and upstream's own files are networks that train on."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import h5py
import lava
import numpy as np
import pytest
import torch
from lava.lib.dl import slayer

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import read_hdf5, to_lava, verify, write_hdf5
from lava_dt.export.blocks import describe
from lava_dt.export.inversion import fine_decay

UPSTREAM = Path(next(iter(lava.__path__))).parent / "tests" / "lava" / "lib" / "dl" / "netx"
COARSE = lava_dt.Timestep(4, clock="coarse", scheme="exponential", gain="integral", reset="soft")


def upstream(name: str) -> Path:
    if not (UPSTREAM / name).is_file():
        pytest.skip(f"this lava-dl was installed without its tests, and {name} with them")
    return UPSTREAM / name


def datasets(path: Path) -> dict[str, tuple]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: (item.dtype, item.shape, np.asarray(item[()]).tobytes())})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def image_net(parameters: dict) -> torch.nn.Sequential:
    own = {**parameters, "shared_param": False}
    net = torch.nn.Sequential(
        cuba.Input(parameters, weight=1.5, bias=0.25),
        cuba.Conv(
            parameters, 2, 4, (3, 2), stride=(1, 2), padding=(1, 0), weight_scale=3, weight_norm=True, delay=True
        ),
        cuba.Conv(own, 4, 4, 3, padding=2, dilation=2, groups=2, weight_scale=3),
        cuba.Pool(parameters, 2, weight_scale=2, delay=True),
        cuba.Unpool(parameters, 2, weight_scale=2),
        cuba.ConvT(parameters, 4, 2, 2, groups=2, weight_scale=3, delay=True),
        cuba.Flatten(),
        cuba.Recurrent(dict(parameters), 2 * 7 * 5, 12, weight_scale=6, delay=True),
        cuba.Dense(own, 12, 8, weight_scale=8, delay=True, delay_shift=False),
        cuba.Average(4),
    )
    net(torch.rand(1, 2, 6, 9, 4))
    for block in net:
        if getattr(block, "delay", None) is not None:
            block.delay.delay.data *= 9
    return net


@pytest.mark.parametrize("timestep", [lava_dt.Timestep(), COARSE], ids=["fine", "coarse"])
def test_every_kind_of_layer_comes_back_and_spikes_bit_for_bit(timestep, parameters, tmp_path) -> None:
    net = image_net({**parameters, "timestep": timestep})
    write_hdf5(net, tmp_path / "one.net", fine_step=1e-3)
    read = read_hdf5(tmp_path / "one.net")
    write_hdf5(read, tmp_path / "two.net")
    assert datasets(tmp_path / "one.net") == datasets(tmp_path / "two.net")
    assert [type(block) for block in read] == [type(block) for block in net]
    assert read.fine_step == 1e-3
    assert read[1].timestep == timestep
    x, spiking = torch.rand(2, 2, 6, 9, 40) * 2, 0
    for ours, theirs in zip(net, read, strict=True):
        if getattr(ours, "neuron", None) is not None:
            ours.neuron.reset_state()
        x, other = ours(x), theirs(x)
        assert torch.equal(x, other), type(ours)
        spiking += bool(x.any())
    assert spiking > 7


@pytest.mark.parametrize("between", ["accumulate", "drop"])
@pytest.mark.filterwarnings("ignore:the network drops what arrives")
def test_a_network_on_the_held_clock_comes_back_and_tells_netx_its_coarse_twin(between, parameters, tmp_path) -> None:
    held = lava_dt.Timestep(4, scheme="exponential", gain="integral", between=between)
    net = image_net({**parameters, "timestep": held})
    write_hdf5(net, tmp_path / "held.net")
    read = read_hdf5(tmp_path / "held.net")
    write_hdf5(read, tmp_path / "again.net")
    assert datasets(tmp_path / "held.net") == datasets(tmp_path / "again.net")
    assert read[1].timestep == held
    with h5py.File(tmp_path / "held.net") as file:
        assert (file.attrs["clock"], file.attrs["dt"]) == (b"held", 4)
    x, spiking = torch.rand(2, 2, 6, 9, 81) * 2, 0
    for ours, theirs in zip(net, read, strict=True):
        if getattr(ours, "neuron", None) is not None:
            ours.neuron.reset_state()
        x, other = ours(x), theirs(x)
        assert torch.equal(x, other), type(ours)
        spiking += bool(x.any())
    assert spiking > (7 if between == "accumulate" else 0)
    if between == "accumulate":
        write_hdf5(lava_dt.discretize(net, dataclasses.replace(held, clock="coarse")), tmp_path / "coarse.net")
        assert datasets(tmp_path / "held.net") == datasets(tmp_path / "coarse.net")


def test_long_delays_come_back_also_without_those_of_a_fine_step(parameters, spikes, tmp_path) -> None:
    parameters["timestep"] = lava_dt.Timestep(2, clock="coarse")
    net = torch.nn.Sequential(cuba.Dense(parameters, 40, 10, weight_scale=6, delay=True))
    net(spikes)
    net[0].delay.max_delay, net[0].delay.delay.data = None, torch.linspace(0, 190, 10)
    with pytest.warns(UserWarning, match="has a delay of 95 steps"):
        write_hdf5(net, tmp_path / "one.net")
    assert torch.equal(read_hdf5(tmp_path / "one.net")(spikes), net(spikes))
    with h5py.File(tmp_path / "one.net", "r+") as file:
        del file["layer/0/fine"]
    assert torch.equal(read_hdf5(tmp_path / "one.net")(spikes), net(spikes))


def test_what_persists_from_call_to_call_comes_back_with_its_biases(parameters, tmp_path) -> None:
    own = {**parameters, "persistent_state": True, "norm": slayer.neuron.norm.MeanOnlyBatchNorm}
    net = torch.nn.Sequential(cuba.Conv(own, 3, 4, 2, weight_scale=8))
    images = (torch.rand(2, 3, 5, 5, 40) < 0.2).float()
    net(images)
    net[0].neuron.norm.running_mean -= 0.1
    net[0].reset_state()
    net.eval()
    write_hdf5(net, tmp_path / "one.net")
    read = read_hdf5(tmp_path / "one.net")
    assert read[0].neuron.norm.running_mean.any()
    for piece in images.split(10, -1):
        expected = net(piece)
        assert expected.any()
        assert torch.equal(read(piece), expected)


def test_a_recurrent_layers_spikes_come_back_bit_for_bit(parameters, spikes, tmp_path) -> None:
    net = torch.nn.Sequential(cuba.Recurrent(parameters, 40, 12, weight_scale=4, weight_norm=True))
    net(spikes)
    write_hdf5(net, tmp_path / "one.net")
    net[0].neuron.reset_state()
    expected = net(spikes)
    assert expected.sum() > 20
    assert torch.equal(read_hdf5(tmp_path / "one.net")(spikes), expected)


@pytest.mark.parametrize("dynamics", [True, False])
@pytest.mark.parametrize("scale", [64, 128])
def test_an_affine_head_comes_back(dynamics, scale, parameters, spikes, tmp_path) -> None:
    parameters["timestep"] = COARSE
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 10, weight_scale=4),
        cuba.Affine({**parameters, "scale": scale}, 10, 3, dynamics=dynamics),
    )
    bins = lava_dt.rebin(spikes, 4)
    net(bins)
    write_hdf5(net, tmp_path / "one.net")
    read = read_hdf5(tmp_path / "one.net")
    assert torch.equal(read(bins), net(bins))
    write_hdf5(read, tmp_path / "two.net")
    assert datasets(tmp_path / "one.net") == datasets(tmp_path / "two.net")


def test_what_was_read_trains_and_goes_to_another_dt_as_the_original(parameters, spikes, tmp_path) -> None:
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 20, weight_scale=4, delay=True), cuba.Dense(parameters, 20, 5, weight_scale=4)
    )
    net(spikes)
    net[0].delay.delay.data *= 40
    coarse = copy.deepcopy(net)
    lava_dt.discretize(coarse, COARSE)
    write_hdf5(coarse, tmp_path / "coarse.net")
    read = read_hdf5(tmp_path / "coarse.net", requires_grad=True)
    lava_dt.discretize(read, lava_dt.Timestep())
    for block in net:
        block.synapse.weight.data = block.synapse.pre_hook_fx(block.synapse.weight.data)
    target = torch.rand(4, 5, 100)
    for one in (net, read):
        one.zero_grad()
        (one(spikes) * target).sum().backward()
    assert torch.equal(net(spikes), read(spikes))
    assert net[0].synapse.weight.grad.any()
    # learnt decays take another way through the kernels, which sums float32 in another order
    assert torch.allclose(net[0].synapse.weight.grad, read[0].synapse.weight.grad, rtol=1e-4, atol=1e-4)
    assert read[0].neuron.current_decay.grad is not None
    assert read_hdf5(tmp_path / "coarse.net", tau_grad=0.5)[0].neuron.tau_rho == 0.5 * 1.25


@pytest.mark.parametrize("scheme", ["forward_euler", "exponential", "backward_euler", "bilinear"])
@pytest.mark.parametrize("dt", [1, 2, 7, 100])
def test_decays_found_for_registers_give_every_register_again(scheme, dt) -> None:
    timestep = lava_dt.Timestep(dt, clock="coarse", scheme=scheme)
    registers = np.arange(4097)
    neuron = lava_dt.Neuron(1, 0, 0, timestep=timestep)
    decays = torch.from_numpy(fine_decay(registers, timestep))
    assert np.array_equal(neuron.step_decay(decays).int().numpy(), registers)
    timestep.check_decay(float(decays.max()) / 4096, "decay")


@pytest.mark.parametrize("gain", ["charge", "integral"])
def test_a_file_without_the_fine_steps_parameters_gives_its_registers_again(gain, parameters, spikes, tmp_path) -> None:
    own = {**parameters, "shared_param": False, "current_decay": (0.2, 0.4)}
    own["timestep"] = lava_dt.Timestep(5, clock="coarse", scheme="exponential", gain=gain)
    net = torch.nn.Sequential(cuba.Dense(own, 40, 10, weight_scale=4, delay=True))
    bins = lava_dt.rebin(spikes, 5)
    net(bins)
    net[0].delay.delay.data = torch.linspace(0, 62, 10)
    path = tmp_path / "one.net"
    write_hdf5(net, path)
    with h5py.File(path, "r+") as file:
        del file["layer/0/fine"]
        file.attrs["format_version"] = 1
    read = read_hdf5(path)
    assert describe(net).layers[0].differs_from(describe(read).layers[0]) is None
    assert torch.equal(net(bins), read(bins))
    assert read[0].delay.max_delay == 310


def test_lava_dls_own_blocks_and_their_export_come_back(parameters, spikes, tmp_path) -> None:
    net = torch.nn.Sequential(
        slayer.block.cuba.Dense(parameters, 40, 20, weight_scale=4, delay=True),
        slayer.block.cuba.Dense({**parameters, "shared_param": False}, 20, 5, weight_scale=4, weight_norm=True),
    )
    net(spikes)
    net[0].delay.delay.data *= 9
    expected = net(spikes)
    assert expected.any()
    write_hdf5(net, tmp_path / "ours.net")
    with h5py.File(tmp_path / "theirs.net", "w") as file:
        for i, block in enumerate(net):
            block.export_hdf5(file.create_group(f"layer/{i}"))
    for name in ("ours.net", "theirs.net"):
        assert torch.equal(read_hdf5(tmp_path / name)(spikes), expected)


def test_a_running_mean_is_a_bias_that_lava_adds_too(parameters, spikes, tmp_path) -> None:
    parameters |= {"norm": slayer.neuron.norm.MeanOnlyBatchNorm, "threshold": 2}
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 12, weight_scale=4), cuba.Dense(parameters, 12, 6, weight_scale=4)
    )
    for _ in range(3):
        net(spikes)
    net[0].neuron.norm.running_mean[:4] -= 0.5
    net.eval()
    write_hdf5(net, tmp_path / "one.net")
    read = read_hdf5(tmp_path / "one.net")
    assert torch.equal(net(spikes), read(spikes))
    read.train()
    assert torch.equal(net(spikes), read(spikes))
    report = verify(read, spikes[:2], tmp_path / "one.net")
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers) > 20
    with h5py.File(tmp_path / "one.net") as file:
        assert file["layer/0/bias"].shape == (12,)
        assert file["layer/0/bias"][()].any()


def test_lava_dls_trained_image_network_spikes_in_lava_as_read() -> None:
    net = read_hdf5(upstream("tiny.net"))
    values = torch.round(3 * torch.rand(2, 3, 16, 16, 1)).expand(-1, -1, -1, -1, 20)
    report = verify(net, values, upstream("tiny.net"))
    assert report.identical, str(report)
    assert report.spikes > 1000


def test_lava_dls_trained_delays_spike_in_lava_as_read() -> None:
    path = upstream("gts/ntidigits/ntidigits.net")
    net = read_hdf5(path)
    assert [type(block).__name__ for block in net] == ["Input", "Flatten", "Dense", "Dense", "Dense", "Average"]
    spikes = (torch.rand(1, 1, 1, 64, 50) < 0.15).float()
    report = verify(net[:5], spikes, to_lava(path, num_layers=5))
    assert report.identical, str(report)
    assert report.spikes > 1000
    assert lava_dt.discretize(net, lava_dt.Timestep(2))(spikes).shape == (1, 11, 50)


@pytest.mark.parametrize(
    ("name", "timestep", "steps"),
    [
        ("tiny.net", COARSE, 12),
        ("mnist.net", COARSE, 12),
        ("gts/ntidigits/ntidigits.net", lava_dt.Timestep(2, scheme="exponential", gain="integral"), 120),
    ],
)
def test_lava_dls_trained_files_go_to_another_dt_and_through_a_file_of_it(name, timestep, steps, tmp_path) -> None:
    net = lava_dt.discretize(read_hdf5(upstream(name)), timestep)
    write_hdf5(net, tmp_path / "other.net")
    read = read_hdf5(tmp_path / "other.net")
    x = (torch.rand(1, *net[0].shape, steps) * 2).round()
    with torch.no_grad():
        expected = net(x)
        assert expected.any()
        assert torch.equal(read(x), expected)


def test_lava_dls_other_trained_files_are_read_or_refused_by_layer(tmp_path) -> None:
    mnist = read_hdf5(upstream("mnist.net"))
    assert [type(block).__name__ for block in mnist] == ["Input", "Dense", "Dense", "Affine"]
    assert mnist(torch.zeros(1, 784, 3)).shape == (1, 10, 3)
    pilot = read_hdf5(upstream("gts/pilotnet_lif/network.net"))
    assert [tuple(block.shape) for block in pilot][4:7] == [(64, 4, 22), (64, 2, 20), (2560, 1, 1)]
    write_hdf5(pilot, tmp_path / "pilot.net")
    with pytest.raises(ValueError, match=r"layer/0/neuron/type is 'SDNN': only CuBa neurons"):
        read_hdf5(upstream("gts/pilotnet_sdnn/network.net"))


def test_a_convolution_spikes_in_lava_as_trained(parameters) -> None:
    net = torch.nn.Sequential(
        cuba.Conv(parameters, 2, 4, (3, 2), stride=2, padding=1, weight_scale=4),
        cuba.Flatten(),
        cuba.Dense(parameters, 4 * 3 * 5, 5, weight_scale=4),
    )
    spikes = (torch.rand(2, 2, 6, 8, 30) < 0.2).float()
    net(spikes)
    report = verify(net, spikes)
    assert report.identical, str(report)
    assert min(layer.spikes for layer in report.layers) > 20
