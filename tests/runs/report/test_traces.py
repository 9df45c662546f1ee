"""One recording on its way through trained networks: its spikes, and voltages that reach the threshold at them."""

import dataclasses

import numpy as np
import pytest

from bats_dt.neuron import Neuron
from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.report import write_report
from runs.report.sections import sections
from runs.report.steps import Steps
from runs.report.traces import taking, traces_part
from runs.report.traces.events import after_resets, response
from runs.report.traces.recording import cache_file, read_recording
from runs.training.loop import make_learner

SMALL = {"epochs": 1, "train_samples": 1, "test_samples": 1, "hidden": (16,)}


@pytest.fixture
def trained(tmp_path, make):
    """A run with the weights that its network begins with."""

    def run(model, **values):
        config = make_config(model, {**SMALL, **values})
        learner = make_learner(config)
        learner.test()  # lava-dl draws its delays when it first runs
        make.run(tmp_path / "run", config, [0.5], learner.arrays())
        (found,) = read_runs(tmp_path / "run")
        return found

    return run


def test_the_response_to_a_spike_is_the_neurons_own():
    for tau_mem in (None, 0.13, 0.2):
        neuron = Neuron(0.13, 1.0, 1.0, tau_mem)
        times = np.array([-0.1, 0.0, 0.01, 0.5])
        wanted = [0.0, *(neuron.response(float(t)) for t in times[1:])]
        np.testing.assert_allclose(response(neuron, times), wanted, rtol=1e-12)


def test_a_time_that_comes_twice_is_before_and_after_the_reset():
    neuron = Neuron(0.1, 1.0, 0.5)
    taken = after_resets(neuron, np.array([0.0, 0.2, 0.2, 0.4]), np.array([0.2]))
    np.testing.assert_allclose(taken, [0, 0, 0.5, 0.5 * np.exp(-0.2 / 0.2)])


@pytest.mark.parametrize("values", [{}, {"bins": 30}, {"bins": 30, "rule": "published"}])
def test_voltages_of_bats_reach_the_threshold_before_every_reset(trained, tmp_path, values):
    run = trained("bats", output_threshold=0.3, **values)
    recording = taking.recording_of(run, tmp_path / "kept")
    assert recording.sizes == (784, 16, 10) and recording.seconds == 0.3
    spikes = recording.of_layer(2)
    times, voltage = recording.times, recording.other_voltage
    before = np.flatnonzero(times[1:] == times[:-1])
    falls = voltage[before] - voltage[before + 1]
    resets = falls > 0.5  # the others are of the label's neuron
    assert np.count_nonzero(resets) == np.count_nonzero(spikes[:, 1] == recording.other) > 0
    assert falls[resets] == pytest.approx(1.0)
    if values.get("rule", "snap") == "snap" and values:
        assert voltage[before][resets].min() >= 1 - 1e-3  # at the grid point behind the crossing, mostly above it
    else:
        assert voltage[before][resets] == pytest.approx(1.0, abs=2e-3)  # float32 times


def test_a_recording_is_kept_and_belongs_to_one_network(trained, tmp_path, monkeypatch):
    run, kept = trained("bats"), tmp_path / "kept"
    first = taking.recording_of(run, kept)
    monkeypatch.setattr(taking, "_take", lambda run: pytest.fail("it is kept"))
    again = taking.recording_of(run, kept)
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    cache_file(kept, run).write_bytes(b"cut")
    assert read_recording(cache_file(kept, run)) is None
    other = dataclasses.replace(run, rows=[*run.rows, {"epoch": 2}])
    assert cache_file(kept, other) != cache_file(kept, run)


def test_a_clocked_network_shows_every_step(trained, tmp_path):
    recording = taking.recording_of(trained("clocked", dt=0.1), tmp_path / "kept")
    assert recording.seconds == pytest.approx(5.0) and len(recording.times) == len(recording.label_voltage) == 50


@pytest.mark.parametrize("values", [{"dt": 4}, {"dt": 4, "clock": "held"}, {"dt": 4, "protocol": "published"}])
def test_slayer_shows_spikes_where_its_voltage_is_above_the_threshold(trained, tmp_path, values):
    pytest.importorskip("torch", reason="SLAYER needs torch and lava-dl")
    recording = taking.recording_of(trained("slayer", steps=100, threshold=0.3, **values), tmp_path / "kept")
    steps = 100 if values.get("clock") == "held" or values.get("protocol") == "published" else 25
    assert recording.sizes == (2312, 16, 10) and len(recording.times) == steps
    own = recording.of_layer(2)
    at = recording.times[np.isin(recording.times.round(6), own[own[:, 1] == recording.label, 0].round(6))]
    above = recording.times[recording.label_voltage >= 1]
    assert set(at.round(6)) <= set(above.round(6))


def test_what_cannot_be_shown_is_told_and_leaves_the_report_whole(trained, tmp_path, make):
    trained("bats")
    make.run(tmp_path / "bare", make_config("bats", {**SMALL, "bins": 30}), [0.5])
    entries = compare(read_runs(tmp_path))
    part = traces_part(sections(entries), Steps(entries), tmp_path / "kept")
    assert part.paragraphs[-1] == ("1 network could not be shown; the first: bare: bare has no checkpoint with weights")
    assert len(part.figures) == 1 and len(part.figures[0].drawn) == 1
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert "One recording at several steps" in page and "could not be shown" in page
    without = write_report([tmp_path], tmp_path / "out", traces=False).read_text(encoding="utf-8")
    assert "One recording at several steps" not in without
