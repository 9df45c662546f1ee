"""Converted networks in files, and in Lava."""

import inspect
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import h5py
import torch

import lava_dt
from lava_dt.export.blocks import describe
from runs.config import ConfigError
from runs.deploy.encoding import Encoding, read_encoding
from runs.tune.arrays import ArraySamples
from runs.tune.network import open_tunable
from runs.tune.writing import check, write

ENCODING = Encoding(input="events", steps=40)


def converted(reset="hard", sizes=(12, 6, 4), dt=4):
    """A network at a coarser step, with delays and weights that are no integers."""
    torch.manual_seed(5)
    step = lava_dt.Timestep(dt, clock="coarse", scheme="exponential", gain="integral", reset=reset)
    neuron = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "timestep": step}
    net = torch.nn.Sequential(
        *(lava_dt.cuba.Dense(neuron, a, b, weight_norm=True, delay=i == 0) for i, (a, b) in enumerate(pairwise(sizes)))
    )
    with torch.no_grad():
        for block in net:
            block.synapse.weight_v.add_(0.1)
            block.synapse.weight_g.fill_(3.0)
        net.eval()(torch.zeros(1, sizes[0], 2))
    net[0].delay.delay.data = torch.tensor([0.0, 1.5, 3.0, 7.2, 0.9, 12.0])
    return net


def tunable(encoding=None, shape=(12,), per_step=1):
    return SimpleNamespace(fine_step=1e-3, encoding=encoding, shape=shape, per_step=per_step)


def samples(n=5, steps=42):
    spikes = np.random.default_rng(0).poisson(0.3, (n, 12, steps)).astype(np.uint8)
    return ArraySamples(name="made", spikes=spikes, labels=np.zeros(n, np.int64), step=1e-3)


def test_every_file_holds_the_network_spike_for_spike(tmp_path):
    pytest.importorskip("nir", reason="the nir extra is not installed")
    net = converted()
    files = write(net, tunable(), tmp_path)
    assert {kind: file.name for kind, file in files.items()} == {
        "hdf5": "network.net", "safetensors": "network.safetensors", "nir": "network.nir",
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(file.name for file in files.values())
    spikes = samples().batch(range(5), 4)
    from runs.deploy.opening import open_network

    with torch.no_grad():
        wanted = net(spikes)
        assert wanted.any()
        for kind in ("hdf5", "nir"):
            read = open_network(files[kind]).net
            assert torch.equal(read.eval()(spikes), wanted)
            assert describe(read).timestep.dt == 4
        back = open_tunable(files["safetensors"])  # whose own step is that of dt = 4
        assert back.per_step == 4 and torch.equal(back.make()(spikes), wanted)
        for block, own in zip(back.make(), net, strict=True):
            assert torch.equal(block.synapse.weight, own.weights())


@pytest.mark.skipif(
    "track_times" not in inspect.signature(h5py.Group.create_group).parameters, reason="this h5py keeps the time"
)
def test_the_same_network_is_written_in_the_same_bytes_at_any_time(tmp_path):
    written = []
    for turn in range(8):
        (tmp_path / f"{turn}").mkdir()
        net, made_of = converted(sizes=(2312, 6, 10)), tunable(Encoding(input="events", steps=41), (2312,))
        written.append({kind: file.read_bytes() for kind, file in write(net, made_of, tmp_path / f"{turn}").items()})
        if turn == 0:
            time.sleep(1.1)  # HDF5 knows the time in seconds
    assert all(one == written[0] for one in written[1:])


def test_the_files_say_how_their_input_is_made_in_their_own_steps(tmp_path):
    files = write(converted(sizes=(2312, 6, 10)), tunable(Encoding(input="events", steps=41), (2312,), 8), tmp_path)
    assert read_encoding(files["hdf5"]).steps == 6
    assert open_tunable(files["safetensors"]).encoding.steps == 6


def test_a_network_that_nir_cannot_say_is_told_and_written_otherwise(tmp_path):
    (tmp_path / "network.nir").write_text("of another time")
    files = write(converted("soft"), tunable(), tmp_path)
    assert set(files) == {"hdf5", "safetensors", "no nir"} and not (tmp_path / "network.nir").exists()
    told = files["no nir"].read_text()
    assert told.startswith("There is no network.nir: ")
    pytest.importorskip("nir", reason="the nir extra is not installed")
    assert "soft" in told
    assert "nir" in write(converted(), tunable(), tmp_path) and not (tmp_path / "no-nir.txt").exists()


def test_lava_spikes_as_the_network_does_and_as_its_file_does(tmp_path):
    net = converted()
    files = write(net, tunable(), tmp_path)
    report = check(net, samples(), 3, files["hdf5"])
    assert report.identical and report.samples == 3 and report.dt == 4
    assert all(layer.spikes == layer.lava_spikes > 0 for layer in report.layers)
    with pytest.raises(ValueError, match="there are no samples to compare with Lava"):
        check(net, samples(), 0)


def test_another_file_is_found_out(tmp_path):
    net = converted()
    files = write(net, tunable(), tmp_path)
    with torch.no_grad():
        net[1].synapse.weight_g.mul_(1.5)
    assert not check(net, samples(), 2, files["hdf5"]).identical


def test_a_stored_file_whose_parts_do_not_belong_together_is_refused(tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    file = write(converted(), tunable(), tmp_path)["safetensors"]
    with safe_open(str(file), framework="pt") as opened:
        arrays, about = {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118

    def damaged(message, **changes):
        kept = {name: value for name, value in {**arrays, **changes}.items() if value is not None}
        save_file(kept, tmp_path / "other.safetensors", metadata=about)
        with pytest.raises(ConfigError, match=message):
            open_tunable(Path(tmp_path / "other.safetensors"))

    weight = "trained.1.synapse.weight"
    damaged("contradicts itself in the weight of layer 1", **{weight: arrays[weight] * 2})
    damaged("has the weights trained.1.synapse.weight, which its network has no place for", **{weight: torch.zeros(3)})
    damaged("lacks the network that its weights belong to", network=None)
    damaged("other.safetensors is damaged .*its network.*write it again", network=arrays["network"][:100])
