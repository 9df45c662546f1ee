"""Whatever a network file holds: a network, or one sentence that says what is wrong with which file."""

from __future__ import annotations

import random
import subprocess

import h5py
import numpy as np
import pytest
import torch

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import NetworkFileError, read_hdf5, write_hdf5
from lava_dt.export.probing import damage


@pytest.fixture
def good(parameters, tmp_path):
    """The file of a network with a layer of every sort, some 40 KB."""
    parameters["timestep"] = lava_dt.Timestep(4, clock="coarse", scheme="exponential", gain="integral")
    net = torch.nn.Sequential(
        cuba.Input(parameters, weight=1, bias=0.5),
        cuba.Conv(parameters, 2, 3, 3, delay=True),
        cuba.Pool(parameters, 2),
        cuba.Flatten(),
        cuba.Recurrent(dict(parameters), 12, 5),
        cuba.Dense(parameters, 5, 4, delay=True),
        cuba.Average(2),
    )
    net(torch.rand(1, 2, 6, 6, 10))
    net[1].delay.delay.data += 5
    net[5].delay.delay.data += 5
    write_hdf5(net, tmp_path / "good.net")
    return tmp_path / "good.net"


def outcome(path) -> str:
    """What reading says; any other exception than the module's own fails the test."""
    try:
        return f"read {len(read_hdf5(path))} layers"
    except NetworkFileError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
        return str(error)


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_were_changed_or_cut_off_end_in_a_sentence(seed, good, tmp_path) -> None:
    draw, whole, refused = random.Random(seed), good.read_bytes(), 0
    for _ in range(12):
        data = bytearray(whole)
        if draw.random() < 0.2:
            del data[draw.randrange(len(data)) :]
        for _ in range(draw.choice([1, 4, 64])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        (tmp_path / "bad.net").write_bytes(data)
        refused += not outcome(tmp_path / "bad.net").startswith("read")
    assert refused > 4


MUTATIONS = {
    "left out": lambda parent, name: None,
    "a text": lambda parent, name: parent.update({name: "many"}),
    "a group": lambda parent, name: parent.create_group(name),
    "nan": lambda parent, name: parent.update({name: np.nan}),
    "negative": lambda parent, name: parent.update({name: np.array([-7, -7])}),
    "a fraction": lambda parent, name: parent.update({name: np.array([0.5])}),
    "huge": lambda parent, name: parent.create_dataset(name, (1 << 20, 1 << 20), chunks=(64, 64), dtype=np.int16),
    "a long row": lambda parent, name: parent.create_dataset(name, (1 << 40,), chunks=(64,), dtype=np.int8),
    "none": lambda parent, name: parent.update({name: h5py.Empty(np.int16)}),
    "a link": lambda parent, name: parent.update({name: h5py.ExternalLink("/etc/other.net", "x")}),
    "compound": lambda parent, name: parent.create_dataset(name, (2,), dtype=[("a", int), ("b", float)]),
    "large numbers": lambda parent, name: parent.update({name: np.array([1 << 62])}),
}


class Parent:
    """A group in which a dataset is put in the place of another."""

    def __init__(self, group: h5py.Group) -> None:
        self.create_group, self.create_dataset, self._group = group.create_group, group.create_dataset, group

    def update(self, values: dict) -> None:
        for name, value in values.items():
            self._group[name] = value


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_dataset_that_is_something_else_ends_in_a_sentence_that_names_it(kind, good, tmp_path) -> None:
    draw, bad, names = random.Random(kind), tmp_path / "bad.net", []
    with h5py.File(good) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in draw.sample(names, 5):
        bad.write_bytes(good.read_bytes())
        with h5py.File(bad, "r+") as file:
            parent, _, last = name.rpartition("/")
            del file[name]
            MUTATIONS[kind](Parent(file[parent]), last)
        said = outcome(bad)
        layer = "/".join(name.split("/")[:2])
        known = (layer, layer.replace("/", " "), "layer 0", "damaged")
        assert said.startswith("read") or any(part in said for part in known), (name, said)


def test_the_commonest_faults_are_told_by_dataset(good, tmp_path) -> None:
    def said(change) -> str:
        bad = tmp_path / "bad.net"
        bad.write_bytes(good.read_bytes())
        with h5py.File(bad, "r+") as file:
            change(file)
        return outcome(bad)

    def put(name, value):
        def change(file) -> None:
            del file[name]
            file[name] = value

        return change

    assert "layer/5/weight is missing" in said(lambda file: file.pop("layer/5/weight"))
    assert "layer/5/weight has the shape (5, 3) for 4 neurons" in said(put("layer/5/weight", np.zeros((5, 3))))
    assert "lava-dl's neurons take even integers" in said(put("layer/5/weight", np.ones((4, 5))))
    assert "layer 5 (dense) takes 6 neurons but layer 4 (dense_rec) before it has 5" in said(
        lambda file: [put("layer/5/weight", np.zeros((4, 6)))(file), put("layer/5/inFeatures", 6)(file)]
    )
    assert "layer 1 (conv) has the shape (3, 9, 9), but of the (2, 6, 6)" in said(put("layer/1/shape", [3, 9, 9]))
    assert "layer/5/neuron/iDecay holds values from 5000 to 5000: 0 to 4096" in said(put("layer/5/neuron/iDecay", 5000))
    assert "is above 1: lava-dl's neurons have no refractory" in said(put("layer/5/neuron/refDelay", 3))
    assert "layer 5 (dense) contradicts itself: its neuron" in said(put("layer/5/neuron/iDecay", 17))
    assert "of type 'concat': lava-dl's CuBa blocks make" in said(put("layer/6/type", np.bytes_("concat")))
    assert "has 6 layers, number 3 not among them" in said(lambda file: file.pop("layer/3"))
    assert "layer 5 (dense) is on the held clock" in said(lambda file: file["layer/5"].attrs.modify("clock", "held"))
    assert "are no timestep (scheme is 'magic'" in said(lambda file: file["layer/5"].attrs.modify("scheme", "magic"))
    assert "the attribute dt of layer/5 is str where int" in said(lambda file: file["layer/5"].attrs.create("dt", "4"))
    long, many = np.bytes_(b"held" * 100), np.zeros(2000)
    assert "the attribute clock of layer/5 is a text of 400 letters" in said(
        lambda file: file["layer/5"].attrs.create("clock", long)
    )
    assert "the attribute dt of layer/5 is larger than one value" in said(
        lambda file: file["layer/5"].attrs.create("dt", many)
    )
    assert "is of format 99" in said(lambda file: file.attrs.modify("format_version", 99))
    assert "lies in another file" in said(
        lambda file: [
            file.pop("layer/5/weight"),
            file["layer/5"].create_dataset("weight", (4, 5), dtype="i2", external=[("/dev/zero", 0, 40)]),
        ]
    )


def test_weight_exponents_are_folded_in_where_the_grid_holds_them(good) -> None:
    with h5py.File(good, "r+") as file:
        weight = file["layer/5/weight"][()]
        del file["layer/5/weight"]
        file["layer/5/weight"] = weight / 2
        file["layer/5/neuron/wgtExp"] = 1
    net = read_hdf5(good)
    assert np.array_equal(64 * net[5].synapse.weight.detach().numpy().reshape(4, 5), weight)
    with h5py.File(good, "r+") as file:
        file["layer/5/neuron/wgtExp"][()] = -1
    assert "times 2^-1: lava-dl's neurons take even integers" in outcome(good)
    with h5py.File(good, "r+") as file:
        file["layer/5/neuron/wgtExp"][()] = 0
        file["layer/5/neuron/weight_exp"] = -1.0
    assert "layer/5/neuron/weight_exp is not 0" in outcome(good)


def test_no_file_and_unknown_options_are_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_hdf5(tmp_path / "missing.net")
    (tmp_path / "text.net").write_text("layers")
    assert "is not an HDF5 file" in outcome(tmp_path / "text.net")
    with pytest.raises(TypeError, match="dropout is no option of read_hdf5: pass some of tau_grad"):
        read_hdf5(tmp_path / "text.net", dropout=0.1)


def test_an_old_file_that_crashes_the_library_is_damaged(tmp_path, monkeypatch) -> None:
    with h5py.File(tmp_path / "old.net", "w") as file:
        file["layer/0/type"] = "dense"
    assert damage(tmp_path / "old.net", 1 << 20) is None
    crashed = subprocess.CompletedProcess([], -11)
    monkeypatch.setattr("lava_dt.export.probing.subprocess.run", lambda *_, **__: crashed)
    assert "is damaged: the HDF5 library crashes on it" in outcome(tmp_path / "old.net")

    def hangs(*_, **__) -> None:
        raise subprocess.TimeoutExpired([], 60)

    monkeypatch.setattr("lava_dt.export.probing.subprocess.run", hangs)
    assert "is damaged: reading it takes more than 120 s" in outcome(tmp_path / "old.net")


def test_a_small_file_does_not_take_much_memory_however_it_repeats_itself(good, tmp_path) -> None:
    def said(change) -> str:
        bad = tmp_path / "bad.net"
        bad.write_bytes(good.read_bytes())
        with h5py.File(bad, "r+", libver=("v108", "v108")) as file:
            change(file)
        return outcome(bad)

    def many_links(file) -> None:
        del file["layer/6"]
        file["large"] = np.zeros((4, 30_000), np.int16)
        for i in range(6, 60):
            layer = file.create_group(f"layer/{i}")
            layer["type"], layer["shape"], layer["weight"] = np.bytes_("dense"), [4], file["large"]

    def put(name, shape, **options):
        def change(file) -> None:
            del file[name]
            file.create_dataset(name, shape, dtype=np.int16, **options)

        return change

    assert "declares 120,000 numbers, more than a file of this size can hold" in said(many_links)
    wide = {"maxshape": (None, None), "chunks": (1 << 14, 1 << 14)}
    assert "layer/5/weight lies in pieces of (16384, 16384), more than" in said(put("layer/5/weight", (4, 5), **wide))
    packed = put("layer/5/weight", (4, 5), compression="gzip")
    assert "layer/5/weight is compressed, which network files are not: rewrite it with h5repack" in said(packed)
    pools = [f"layer/{i}" for i in range(5000)]
    assert "layer has 5000 layers: 4096 are possible" in said(
        lambda file: [file.require_group(name) for name in pools],
    )


def test_what_contradicts_itself_is_told(good, tmp_path) -> None:
    def said(*changes) -> str:
        bad = tmp_path / "bad.net"
        bad.write_bytes(good.read_bytes())
        with h5py.File(bad, "r+") as file:
            for name, attribute, value in changes:
                if attribute is not None:
                    file[name].attrs[attribute] = value
                    continue
                if name in file:
                    del file[name]
                file[name] = value
        return outcome(bad)

    assert "the file is of dt=2 on the coarse clock, but its layers of dt=4 on the coarse" in said(("/", "dt", 2))
    assert "of dt=4 on the held clock, but its layers of dt=4 on the coarse" in said(("/", "clock", "held"))
    other = "layer/5/fine/delay is not what the layer's delays at dt=4 come from"
    assert other in said(("layer/5/fine/delay", None, np.full(4, 900.0)))
    assert other in said(("layer/5/delay", None, np.full(4, 50)))
    assert "layer/0/fine/delay is given for a layer that delays nothing" in said(
        ("layer/0/fine/delay", None, np.zeros(2))
    )
    assert "layer/5/delay goes up to 2000003 fine steps: 1048576 are possible" in said(
        ("layer/5/fine/delay", None, np.full(4, 2000003.0)),
        ("layer/5/fine", "max_delay", 1e9),
        ("layer/5/delay", None, np.full(4, 500_000)),
    )
    assert "layer/5/fine has a max_delay of -1.0: 0 or more" in said(("layer/5/fine", "max_delay", -1.0))
    assert "a surrogate of tau_rho=0.0" in said(("layer/5/fine", "tau_rho", 0.0))
    assert "a surrogate of tau_rho=nan" in said(("layer/5/fine", "tau_rho", np.nan))
    assert "layer/4/neuron/vThMant is above 131071: only dense layers may never" in said(
        ("layer/4/neuron/vThMant", None, 1 << 18)
    )
    # (4, 1, 1) are the same neurons as (4,), with the same contradiction
    assert "layer 5 (dense) contradicts itself: its neuron" in said(
        ("layer/5/shape", None, [4, 1, 1]), ("layer/5/neuron/iDecay", None, 17)
    )


def test_an_old_file_that_takes_too_much_memory_is_damaged(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lava_dt.export.probing._MEMORY", 700 << 20)
    with h5py.File(tmp_path / "old.net", "w") as file:
        file.create_dataset("layer/0/weight", (800 << 20,), "i1", chunks=(1 << 20,))  # never written
    assert damage(tmp_path / "old.net", 1 << 20) is None
    assert damage(tmp_path / "old.net", 1 << 30) == "reading it takes more than 700 MiB"
