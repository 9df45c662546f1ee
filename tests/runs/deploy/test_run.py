"""Recordings through Lava, beside training; how a run ends."""

import io
import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

from rich.console import Console

from lava_dt.export.blocks import describe
from runs.config import ConfigError
from runs.deploy import deployment
from runs.deploy.deployment import Deployment
from runs.deploy.encoding import Encoding
from runs.deploy.run import RunOptions, run_network
from runs.deploy.samples import recordings

EVENTS = (2, 34, 34)
STEPS = 24


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    for child in multiprocessing.active_children():  # on a busy machine, Lava does not see all of them go
        child.join(10)
    assert multiprocessing.active_children() == []


def first(n, dt=1):
    samples = recordings(None, "test", steps=STEPS, dt=dt, fine_step=1e-3)
    return replace(samples, labels=samples.labels[:n])


def deployed(net, path, samples, clock=None):
    encoding = Encoding(input="events", steps=STEPS)
    return Deployment(path, describe(net), samples, EVENTS, encoding=encoding, clock=clock)


def printed(options):
    out = io.StringIO()
    return run_network(options, Console(file=out, width=120, highlight=False)), out.getvalue()


@pytest.mark.parametrize(
    ("timestep", "clock"),
    [({}, None), ({"dt": 5, "clock": "coarse"}, "held"), ({"dt": 5, "clock": "held"}, "coarse")],
)
def test_every_sample_gives_the_spikes_and_the_class_of_training_from_silence(
    tmp_path, dense, trained_spikes, timestep, clock
):
    net, path = dense(tmp_path, **timestep)
    trained = describe(net).timestep
    wanted = trained_spikes(net, first(3, trained.dt if trained.clock == "coarse" else 1).first(3))
    samples = first(3, 5 if clock == "coarse" else 1)
    with deployed(net, path, samples, clock) as run:
        run.start()
        outcomes = [run.run(i)[0] for i in range(3)]
    assert sum(layer.sum() for layer in wanted) > 30
    for i, outcome in enumerate(outcomes):
        assert outcome.spikes[1:] == tuple(layer[i].sum() for layer in wanted)
        assert outcome.predicted == wanted[-1][i].sum(-1).argmax()
        assert outcome.label == samples.labels[i]
        messages = np.count_nonzero(samples.spikes(i), axis=1)
        assert outcome.spikes[0] == messages.sum()
        first_layer, second = (layer.weight != 0 for layer in describe(net).layers)
        operations = first_layer.sum(0) @ messages, wanted[0][i].sum(-1) @ second.sum(0), 0
        assert outcome.operations == operations


def test_the_class_may_be_that_of_the_first_spike_or_of_a_limited_number():
    class Counted:
        def __init__(self, values):
            self.values = np.array(values)

        def get(self):
            return self.values

    class Output:
        counts, first = Counted([0, 9, 7, 12]), Counted([0, 4, 3, 3])

    def decided(**encoding):
        made = Deployment.__new__(Deployment)
        made._encoding = Encoding(input="events", steps=5, **encoding)
        return made._decide(Output)

    assert decided() == 3
    assert decided(limit=9) == 1
    assert decided(decision="first") == 2


def test_a_run_tells_what_it_did_and_an_interrupted_one_what_it_had_done(tmp_path, dense, monkeypatch):
    _, path = dense(tmp_path)
    done = deployment.Deployment.run

    def interrupted(self, i):
        if i == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return done(self, i)

    monkeypatch.setattr(deployment.Deployment, "run", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    code, text = printed(RunOptions(net=path, recordings=2))
    assert code == 0
    assert text.startswith("2 N-MNIST test recordings of 24 ms, 24 steps of 1 ms\n")
    assert "layer 1 (dense)" in text and "of 2; 95 % interval" in text and "steps a second" in text
    code, text = printed(RunOptions(net=path, recordings=4))
    assert code == 130 and "stopped after 2 of 4" in text and "of 2; 95 % interval" in text
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_process_of_lava_that_dies_is_told_and_ends_the_others(tmp_path, dense):
    net, path = dense(tmp_path)
    with (
        pytest.raises(RuntimeError, match="a process of the Lava network ended early: it was killed"),
        deployed(net, path, first(2)) as run,
    ):
        run.start()
        os.kill(run.network.runtime._messaging_infrastructure.actors[0].pid, signal.SIGKILL)
        run.run(0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 3, "seconds": 0.1}, "--steps and --seconds say the same twice"),
        ({"seconds": 0.0001}, "--seconds is 0.0001, which is no step of 1 ms"),
        ({"steps": 0}, "--steps is 0: a recording has 1 step or more"),
        ({"recordings": -1}, "--recordings is -1: give a number of recordings, or 0 for all"),
        ({"dt": 2.5}, "--dt is 2.5, but this network is converted to fine steps"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_words(tmp_path, dense, options, sentence):
    _, path = dense(tmp_path)
    with pytest.raises(ConfigError) as error:
        run_network(RunOptions(net=path, **options))
    assert sentence in str(error.value)


def test_a_network_without_spikes_or_data_at_its_ends_is_refused(tmp_path):
    import torch

    from lava_dt import Timestep, cuba
    from lava_dt.export import write_hdf5

    neuron = {"threshold": 1.0, "current_decay": 0.25, "voltage_decay": 0.03, "timestep": Timestep()}
    for inputs, last, sentence in (
        (7, cuba.Dense(neuron, 7, 3), r"does not take 2312 inputs \(N-MNIST recordings\) or 784"),
        (784, cuba.Dense(neuron, 784, 3), "does not say when a pixel spikes"),
        (2312, cuba.Affine(neuron, 2312, 3), r"layer 0 \(affine\) sends no spikes to count"),
    ):
        net = torch.nn.Sequential(last)
        net.eval()(torch.zeros(1, inputs, 2))
        write_hdf5(net, tmp_path / "network.net")
        with pytest.raises(ConfigError, match=sentence):
            printed(RunOptions(net=tmp_path / "network.net", recordings=1))
