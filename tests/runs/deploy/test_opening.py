"""Networks from runs, files and graphs, in Lava on the data that they take."""

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

from lava_dt.export.blocks import describe
from runs.config import ConfigError, make_config
from runs.deploy.deployment import Deployment
from runs.deploy.opening import open_network
from runs.deploy.samples import images
from runs.training import train

TTFS = {
    "loss": "ttfs",
    "epochs": 1,
    "train_samples": 24,
    "test_samples": 8,
    "hidden": (16,),
    "max_spikes": (30, 1),
    "weight_range": (0.0, 2.0),
    "duration": 0.2,
    "dt": 0.01,
}


@pytest.mark.filterwarnings("ignore:layer 'hidden1' lost")
def test_a_bats_run_decides_in_lava_by_its_first_spikes_as_in_training(tmp_path, watcher, trained_spikes):
    train(make_config("bats", TTFS), tmp_path / "run", watcher())
    opened = open_network(tmp_path / "run")
    assert (opened.fine_step, opened.encoding.decision, opened.encoding.steps) == (0.01, "first", 21)
    assert opened.notes[0].startswith("dt = 0.01 s, weights of 8 bits")
    shown = images(None, "test", steps=21, step=0.01, window=0.1)
    wanted = trained_spikes(opened.net, shown.first(3))
    with Deployment(opened.net, describe(opened.net), shown, (1, 28, 28), encoding=opened.encoding) as run:
        run.start()
        outcomes = [run.run(i)[0] for i in range(3)]
    first = np.where(wanted[-1].any(-1), wanted[-1].argmax(-1), 99)
    assert len(np.unique(first)) > 2
    for i, outcome in enumerate(outcomes):
        assert outcome.spikes[1:] == tuple(layer[i].sum() for layer in wanted)
        assert outcome.predicted == first[i].argmin()


def test_a_network_is_converted_to_a_step_that_is_told(tmp_path, dense):
    _, path = dense(tmp_path)
    opened = open_network(path, 10)
    assert describe(opened.net).timestep.dt == 10 and opened.file is None
    assert opened.notes == ("converted from dt = 1 to 10: coarse clock, exponential decays, integral gain",)
    assert open_network(path).file == path


def test_a_bats_run_whose_neurons_stop_after_a_spike_is_refused_by_the_flag_to_change(tmp_path, watcher):
    train(make_config("bats", {**TTFS, "max_spikes": (1, 1), "hidden": (4,)}), tmp_path / "run", watcher())
    with pytest.raises(
        ConfigError, match="train it with a larger max_n_spike; lava-dt train bats calls it --max-spikes"
    ):
        open_network(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"--dt is 5 s: give seconds above 0, at most the 0\.2 s of an image"):
        open_network(tmp_path / "run", 5.0)


@pytest.mark.parametrize("step", [1e-3, 2e-3])
def test_a_nir_graph_is_opened_with_its_step_and_takes_recordings_of_their_length(tmp_path, dense, step):
    nir = pytest.importorskip("nir", reason="the nir extra is not installed")
    from lava_dt.nir import to_nir
    from runs.deploy.choosing import encoding_of

    net, _ = dense(tmp_path)
    nir.write(tmp_path / "graph.nir", to_nir(net, step))
    opened = open_network(tmp_path / "graph.nir")
    assert opened.fine_step == pytest.approx(step) and opened.notes[0] == f"a fine step is {step:g} s"
    description = describe(opened.net)
    assert encoding_of(description, None, fine_step=opened.fine_step).steps == round(0.3 / step)
    for layer, own in zip(description.layers, describe(net).layers, strict=True):
        assert np.array_equal(layer.weight, own.weight)
    with torch.no_grad():
        spikes = (torch.rand(1, 2312, 30) < 0.02).float()
        assert torch.equal(opened.net(spikes), net(spikes))
