"""`lava-dt bench bats`: the port computes what bats_dt computes, spikes are compared first, results are whole."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bats_dt import get_backend
from bats_dt.kernels import threads as kernel_threads
from runs.bench.bats import contestants, equality, run
from runs.bench.bats.cases import CONV_TITLE, Case, Entry, cases, entries, epoch_case, memory_cases
from runs.bench.bats.contestants import Contestant, on
from runs.bench.bats.epoch import measure_epoch
from runs.bench.bats.equality import SpikesDifferError, check_spikes
from runs.bench.bats.inputs import batch_of, training_images, trains, with_share
from runs.bench.bats.literal_port import LiteralLayer
from runs.bench.bats.memory import measure_memory
from runs.bench.bats.page import compared
from runs.bench.bats.rounding import decided_by_rounding
from runs.bench.memory import available
from runs.bench.options import BatsBench, ConfigError, checked
from runs.bench.plots import _apart
from runs.console import Console

# A case with many spikes has some neurons that spike more often than there is room for, in both libraries.
pytestmark = pytest.mark.filterwarnings("ignore:.*max_n_spike:RuntimeWarning")
PORT, OURS = Entry(library="literal port"), Entry()
PORT_2, OURS_2 = Entry(library="literal port", threads=2), Entry(threads=2)
TINY = Case(section="training", hidden=40, batch=6, rounds=2, entries=(PORT, OURS, PORT_2, OURS_2))


@pytest.fixture
def tiny(monkeypatch):
    """The benchmark with tiny cases, in this process with its threads as they are."""
    monkeypatch.setattr(run, "set_threads", lambda threads, with_torch: [])
    monkeypatch.setattr(run, "cases", lambda options, gpu: [TINY, TINY.model_copy(update={"section": "scaling"})])
    monkeypatch.setattr(run, "memory_cases", lambda options, gpu: [])
    monkeypatch.setattr(run, "epoch_case", lambda options, gpu: None)


def test_the_port_finds_the_first_spike_of_a_case_worked_by_hand():
    # one input of weight w at 0: V = w tau (y - y^2), y = exp(-t/tau); it reaches theta at the larger root of
    # y^2 - y + theta / (w tau) = 0, and a reset by theta leaves no second spike if the peak w tau / 4 is below 2 theta
    layer = LiteralLayer(np.array([[4.0], [-4.0]], np.float32), 0.13, 0.2, 3)
    layer.forward(np.zeros((1, 1, 1), np.float32), np.ones((1, 1), np.int32), 1.0)
    y = (1 + np.sqrt(1 - 4 * 0.2 / (4 * 0.26))) / 2
    assert layer.counts.tolist() == [[1, 0]]
    np.testing.assert_allclose(layer.times[0, 0], [-0.26 * np.log(y), np.inf, np.inf], rtol=1e-5)  # float32
    gradient, _ = layer.backward(np.ones_like(layer.times), passes_on=False)
    np.testing.assert_allclose(gradient[0, 0], -0.26 * (y - y**2) / (4 * (2 * y**2 - y)), rtol=1e-4)  # -dV/dw / V'
    assert gradient[1, 0] == 0.0


@pytest.mark.parametrize("changes", [{}, {"share": 0.5}, {"threshold": 0.05}, {"batch": 1}])
def test_bats_dt_spikes_as_the_port_before_anything_is_timed(changes):
    found = check_spikes(TINY.model_copy(update=changes), 0, None)
    assert found["failed"] == {} and found["compared"] == ["bats_dt, 1 thread", "bats_dt, 2 threads"]
    assert min(found["spikes"]) > 5, "a silent network would be equal to anything"
    assert found["left_out"] <= 1
    assert found["time_difference"] < 1e-4 and found["gradient_difference"] < 1e-2  # float32 near a flat crossing


def test_the_convolutional_network_is_compared_with_itself_on_one_thread():
    case = Case(section="conv", network="conv", batch=1, entries=(OURS, OURS_2))
    found = check_spikes(case, 0, None)
    assert found["compared"] == ["bats_dt, 1 thread", "bats_dt, 2 threads"] and found["failed"] == {}
    assert len(found["spikes"]) == 4 and CONV_TITLE in found["case"]
    assert found["time_difference"] == found["gradient_difference"] == found["left_out"] == 0
    other = check_spikes(TINY, 0, None)
    said = f"{2 * sum(found['spikes']):,} spikes of 2 bats_dt networks with its own on one thread"
    assert compared([found]) == said
    assert (
        compared([other, found])
        == f"{2 * sum(other['spikes']):,} spikes of 2 bats_dt networks with the literal port's, {said}"
    )


def test_one_spike_more_stops_the_benchmark(tiny, monkeypatch, tmp_path):
    whole = Contestant.outcome

    def with_one_more(self):
        found = whole(self)
        if self.entry.library == "bats_dt":
            found.trains[0][1][2, 3] += 1
        return found

    monkeypatch.setattr(Contestant, "outcome", with_one_more)
    with pytest.raises(SpikesDifferError, match=r"neuron 3 of layer 1 of bats_dt, 1 thread \(training, .* nothing was"):
        run.run_bats(BatsBench(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_late_spike_and_a_wrong_gradient_stop_the_benchmark(monkeypatch):
    whole = Contestant.outcome

    def changed(change):
        def outcome(self):
            found = whole(self)
            if self.entry.library == "bats_dt":
                change(found)
            return found

        return outcome

    def later(found):
        found.trains[0][0][np.isfinite(found.trains[0][0])] += 1e-3

    def larger(found):
        found.gradients[1] *= 1.1

    monkeypatch.setattr(Contestant, "outcome", changed(later))
    with pytest.raises(SpikesDifferError, match=r"a spike of layer 1 of .* is 1.0e-03 s from the reference's"):
        check_spikes(TINY, 0, None)
    monkeypatch.setattr(Contestant, "outcome", changed(larger))
    with pytest.raises(SpikesDifferError, match=r"the gradient of layer 2 of .* is 1.0e-01 of its size from the"):
        check_spikes(TINY, 0, None)


def test_rounding_explains_a_grazed_threshold_and_a_lost_spike_and_nothing_else():
    times, counts, end = np.zeros((1, 1)), np.ones(1, np.int32), 1.0
    grazing = np.array([4 * 0.2 / 0.26])  # the peak w tau / 4 is the threshold

    def decided(weights, found):
        return decided_by_rounding(times, counts, weights, 0.13, 0.2, end, 5, found)

    assert decided(grazing, 0) and decided(grazing, 1)
    assert not decided(1.2 * grazing, 1) and not decided(0.9 * grazing, 0)
    assert decided(1.2 * grazing, 0), "a spike that the port has lost"
    assert not decided(0.9 * grazing, 1), "a spike too many is no loss"


def test_samples_that_rounding_decides_are_left_out_and_the_others_compared(monkeypatch):
    whole = Contestant.outcome

    def one_sample_differs(self):
        found = whole(self)
        if self.entry.library == "bats_dt" and len(self.labels) == TINY.batch:
            found.trains[0][1][2, :2] += 1
        return found

    monkeypatch.setattr(Contestant, "outcome", one_sample_differs)
    monkeypatch.setattr(equality, "decided_by_rounding", lambda *arguments: True)
    monkeypatch.setattr(equality, "MOST_LEFT_OUT", 0.5)
    assert check_spikes(TINY, 0, None)["left_out"] == 2
    monkeypatch.setattr(equality, "MOST_LEFT_OUT", 0)
    with pytest.raises(
        SpikesDifferError, match=r"2 neurons of .* have spikes that hang on rounding, .* too many to leave"
    ):
        check_spikes(TINY, 0, None)


def test_every_step_meets_the_same_weights_and_the_same_spikes():
    for entry in (PORT, OURS):
        contestant = Contestant(TINY, entry, 0, None)
        before = [np.array(layer.weights) for layer in contestant.weighted]
        contestant.step()
        assert any((layer.weights != b).any() for layer, b in zip(contestant.weighted, before, strict=True))
        contestant.restore()
        assert all((layer.weights == b).all() for layer, b in zip(contestant.weighted, before, strict=True))


def test_a_backward_pass_is_timed_without_the_simulation_before_it():
    for entry in (PORT, OURS):
        contestant = Contestant(TINY.model_copy(update={"mode": "backward"}), entry, 0, None)
        contestant.restore()
        contestant.forward = None  # the step would fail if it simulated
        contestant.step()


def test_a_step_runs_on_the_threads_and_the_backend_of_its_entry(monkeypatch):
    seen = []
    monkeypatch.setattr(contestants, "set_backend", lambda name: seen.append(name))
    before = get_backend()
    with on(Entry(threads=3, device="cuda")):
        assert kernel_threads._wanted.get() == 3
    assert seen == ["cuda", before] and kernel_threads._wanted.get() is None


def test_the_share_of_spiking_pixels_is_the_one_asked_for():
    pixels = np.zeros((2, 784), np.uint8)
    pixels[0, :400] = np.arange(400) % 255 + 1
    pixels[1, 100:150] = 7
    for share in (0.05, 0.19, 0.8):
        found = with_share(pixels, share, np.random.default_rng(0))
        assert (found > 0).sum(axis=1).tolist() == [round(share * 784)] * 2
    few = with_share(pixels, 0.05, np.random.default_rng(0))
    assert (pixels[few > 0] == few[few > 0]).all(), "what is left keeps its value"
    times, counts = trains(pixels)
    assert times.shape == (2, 784, 1) and counts.sum() == 450 and np.isinf(times[counts == 0]).all()


def test_images_are_drawn_again_where_there_are_too_few():
    images = training_images(None).take(slice(0, 4))
    times, counts, labels = batch_of(images, TINY.model_copy(update={"batch": 10}), 0)
    assert times.shape == (10, 784, 1) and counts.shape == (10, 784)
    assert sorted(labels[:4]) == sorted(labels[4:8]) == sorted(images.labels)


def test_the_results_hold_every_round_the_machine_and_a_picture(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    assert run.run_bats(BatsBench(out=out, device="cpu", threads=(1, 2))) == 0
    said = capsys.readouterr().out
    assert "0 others differ" in said and "on two free cores" in said
    result = json.loads((out / "bench.json").read_text())
    assert result["complete"] and len(result["races"]) == 2 and len(result["checks"]) == 1
    race = result["races"][0]
    assert list(race["entries"]) == [entry.name for entry in TINY.entries]
    ours, port = race["entries"]["bats_dt, 2 threads"], race["entries"]["literal port, 2 threads"]
    assert len(ours["walls"]) == 2 and ours["reference"] == "literal port, 2 threads"
    ratios = np.asarray(port["walls"]) / np.asarray(ours["walls"])
    assert ours["wall_ratio"] == pytest.approx(np.median(ratios))
    assert result["machine"]["threads"] == [1, 2]
    assert (out / "bench.svg").read_text().startswith("<svg")
    page = (out / "bench.md").read_text()
    assert "# lava-dt bench bats" in page and "| literal port, 1 thread | " in page and "the shipped images" in page


def test_an_entry_that_cannot_run_is_told_and_the_others_go_on(tiny, monkeypatch, tmp_path, capsys):
    def refuse(case, entry, seed):
        if entry == OURS_2:
            raise NotImplementedError("no such thread")
        return build(case, entry, seed)

    build = contestants.build
    monkeypatch.setattr(contestants, "build", refuse)
    assert run.run_bats(BatsBench(out=tmp_path / "out", device="cpu")) == 1
    assert "bats_dt, 2 threads cannot take part" in capsys.readouterr().err
    result = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert set(result["races"][0]["entries"]) == {PORT.name, OURS.name, PORT_2.name}


def test_an_epoch_trains_on_all_images_and_the_port_on_some_of_them(monkeypatch):
    few = training_images(None).take(slice(0, 50))
    monkeypatch.setattr("runs.bench.bats.epoch.training_images", lambda data: few)
    case = TINY.model_copy(update={"section": "epoch", "entries": (PORT, OURS)})
    found = measure_epoch(case, 0, None, 20, Console())
    port, ours = found[PORT.name], found[OURS.name]
    assert (port["images"], ours["images"]) == (20, 50) and not ours["measured"]
    assert port["compared"] == ours["compared"] == 18, "whole batches of 6"
    assert ours["epoch"] == pytest.approx(ours["seconds"] * 60_000 / 50)
    assert 0 <= port["right"] <= 1 and ours["cpu"] > 0


@pytest.mark.skipif(not available(), reason="this system does not tell a process its peak memory")
def test_peak_memory_is_measured_in_a_process_of_its_own():
    case = TINY.model_copy(update={"section": "memory", "batch": 256, "hidden": 100})
    found = measure_memory(case, PORT, 0, None)
    assert found["mib"] > 256 * 100 * 784 * 4 / 2**20, "every sample's gradient alone"
    assert found["spikes"] > 256, "of both layers"


def test_cases_can_be_limited_repeated_and_are_all_there():
    both = BatsBench(threads=(1, 2))
    assert {case.section for case in cases(BatsBench(quick=True, only=("conv", "spikes")), False)} == {"conv", "spikes"}
    assert {case.rounds for case in cases(BatsBench(repeats=4), False)} == {4}
    assert memory_cases(BatsBench(only=("conv",)), False) == [] and epoch_case(BatsBench(only=("conv",)), False) is None
    found = cases(both, False)
    geometry = {(case.hidden, case.batch, case.mode) for case in found if case.section == case.mode}
    assert geometry == {
        (h, b, m) for h in (512, 800) for b in (32, 50, 256) for m in ("forward", "backward", "training")
    }
    names = [(case.section, case.title) for case in found]
    assert len(set(names)) == len(names)
    quick = cases(BatsBench(quick=True, threads=(1, 2)), False)
    assert sum(case.expected_seconds() for case in quick) < 60 < sum(case.expected_seconds() for case in found) < 600


def test_the_port_stands_aside_where_its_gradients_are_too_large_and_a_gpu_joins_in():
    largest = next(case for case in cases(BatsBench(threads=(2,)), True) if case.batch == 2048)
    assert [entry.name for entry in largest.entries] == ["bats_dt, 2 threads", "bats_dt, GPU"]
    assert [entry.name for entry in entries(BatsBench(device="cuda"), True)] == ["bats_dt, GPU"]


def test_options_out_of_range_are_refused_in_a_sentence(monkeypatch):
    with pytest.raises(ConfigError, match=r"--threads is 0 2: give one number or more, each 1 or above"):
        checked(BatsBench, {"threads": (0, 2)})
    assert checked(BatsBench, {"threads": (2, 1, 2)}).threads == (1, 2)
    monkeypatch.setattr(run, "bats_gpu", lambda: None)
    with pytest.raises(ConfigError, match="--device is cuda, but bats_dt sees no GPU here"):
        run._gpu(BatsBench(device="cuda"), Console())


def test_it_runs_where_torch_is_not_installed():
    modules = "run, contestants, epoch, equality, memory, page"
    code = f"import sys\nfrom runs.bench.bats import {modules}\nfrom runs.bench import machine, plots\n"
    code += "machine.set_threads(1, with_torch=False)\nmachine.describe_machine([1], None)\n"
    code += "print('torch' in sys.modules or 'lava' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_labels_of_a_scaling_panel_stay_apart():
    assert _apart([1.0, 1.05, 8, 64, 100, 1000.0]) == [1.0, 8, 64, 1000.0]
