"""`lava-dt export NET --verify` on arrays, and what it is refused."""

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

from runs import commands
from runs.config import ConfigError
from runs.deploy.samples import recordings
from runs.parity import Exported, export_network, identical, parity_text

FOUND = {"recordings": 1, "steps": 5, "dt": 1, "spikes": 9, "differing_spikes": 0, "what": "sample", "first": "here"}


@pytest.fixture
def spikes():
    return recordings(None, "test", steps=24, dt=1, fine_step=1e-3).first(3)


def test_a_file_is_checked_on_an_array_of_spikes_and_need_not_be_written_again(tmp_path, dense, spikes, capsys):
    _, path = dense(tmp_path)
    before = path.read_bytes()
    np.savez(tmp_path / "three.npz", spikes=spikes, labels=np.arange(3))
    assert commands.export(path, None, str(tmp_path / "three.npz"), 2, None) == 0
    text = capsys.readouterr().out
    assert text.startswith("0 of ") and text.endswith(
        " differ on 2 samples of 24 steps at dt = 1, and no current or voltage\n"
    )
    assert int(text.split()[2]) > 20
    assert path.read_bytes() == before and sorted(entry.name for entry in tmp_path.iterdir()) == [
        "dense.net",
        "three.npz",
    ]


def test_the_exit_code_is_1_where_anything_differs(tmp_path, monkeypatch, capsys):
    found = {**FOUND, "differing_voltages": 4}
    monkeypatch.setattr("runs.parity.export_network", lambda *_: Exported(tmp_path / "a.net", ("a note",), None, found))
    assert commands.export(tmp_path, None, None, None, None) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a note", f"wrote {tmp_path / 'a.net'}"] and lines[2].endswith("and outputs; here")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"there is no file .*data\.npy: pass an array of spikes \(batch, neuron\.\.\., time\), or a folder"),
        (b"hello", r"data\.npy is no array that NumPy reads"),
        (np.ones((3, 4)), r"holds float64 of shape \(3, 4\): numbers \(batch, neuron\.\.\., time\) are needed"),
        (np.ones((0, 3, 4)), r"holds float64 of shape \(0, 3, 4\)"),
        (np.array([[["a"]]]), "holds <U1 of shape"),
        (np.ones((1, 7, 9)), "the input has shape|7"),
        (np.full((1, 2312, 9), 0.5), "not whole"),
    ],
)
def test_arrays_that_are_no_input_are_refused_in_words(tmp_path, dense, content, sentence):
    _, path = dense(tmp_path)
    data = tmp_path / "data.npy"
    if isinstance(content, bytes):
        data.write_bytes(content)
    elif content is not None:
        np.save(data, content)
    with pytest.raises(ValueError, match=sentence):
        export_network(path, data=str(data), recordings=1)


def test_an_archive_of_several_arrays_must_name_the_spikes(tmp_path, dense):
    _, path = dense(tmp_path)
    np.savez(tmp_path / "data.npz", a=np.ones((1, 2, 3)), b=np.ones(3))
    with pytest.raises(ConfigError, match=r"holds the arrays \['a', 'b'\]: name that of the input spikes"):
        export_network(path, data=str(tmp_path / "data.npz"))


def test_a_finding_says_what_differs_besides_spikes():
    assert identical(FOUND)
    assert parity_text(FOUND) == "0 of 9 spikes differ on 1 sample of 5 steps at dt = 1, and no current or voltage"
    found = {**FOUND, "differing_inputs": 2, "fine_step": 1e-4}
    assert not identical(found)
    assert parity_text(found) == (
        "0 of 9 spikes differ on 1 sample of 5 steps of 0.1 ms, and 2 inputs, currents, voltages and outputs; here"
    )
