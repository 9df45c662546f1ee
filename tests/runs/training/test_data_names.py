"""The name of a run's data tells their content: the same wherever they lie, another for whatever else they hold."""

import struct

import numpy as np
import pytest

from runs.config import make_config
from runs.training.data_names import DataNames

FILES = {
    "train-images-idx3-ubyte": (6, 28, 28),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (2, 28, 28),
    "t10k-labels-idx1-ubyte": (2,),
}


def put(folder, changed=""):
    """A small set of images in the published format; one byte of the file `changed` is another."""
    folder.mkdir()
    for name, shape in FILES.items():
        values = np.random.default_rng(len(name)).integers(0, 10, shape, np.uint8)
        values.flat[0] = 1 + (name == changed)
        head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *shape)
        (folder / name).write_bytes(head + values.tobytes())
    return folder


@pytest.mark.parametrize("model", ["bats", "clocked"])
def test_names_follow_content_and_not_the_folder(tmp_path, model):
    def name(folder):
        return DataNames().of(make_config(model, {"data": folder, "hidden": [4]}))

    known = name(put(tmp_path / "here"))
    assert name(put(tmp_path / "there")) == known
    others = [name(put(tmp_path / file, changed=file)) for file in FILES]
    assert len({known, *others}) == 5


def test_the_shipped_set_is_not_the_first_samples_of_another(tmp_path):
    shipped, whole = (
        DataNames().of(make_config("bats", {"data": folder, "train_samples": 6, "test_samples": 2, "hidden": [4]}))
        for folder in (None, put(tmp_path / "whole"))
    )
    assert shipped.startswith("MNIST, 6 + 2 images") and whole.startswith("MNIST, 6 + 2 images") and shipped != whole


def test_data_are_asked_for_once_and_where_they_are_others_again(monkeypatch):
    asked = []

    class Learner:
        def __init__(self, config):
            asked.append(config)

        def data_name(self):
            return str(len(asked))

    monkeypatch.setattr("runs.training.loop.make_learner", Learner)
    names = DataNames()
    usual = names.of(make_config("bats", {}))
    assert {names.of(make_config("bats", more)) for more in ({"seed": 1}, {"bins": 30}, {"epochs": 2})} == {usual}
    for other in ({"train_samples": 7}, {"dataset": "nmnist"}, {"encoding": "rate"}, {"encoding": "rate", "seed": 1}):
        assert names.of(make_config("bats", other)) == str(len(asked))
    assert len(asked) == 5
