"""`lava-dt bench slayer`: equal work on both sides, spikes compared first, results that are whole. Nothing is timed."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lava_dt")

from runs.bench import machine  # noqa: E402
from runs.bench.memory import available  # noqa: E402
from runs.bench.options import ConfigError, SlayerBench, checked  # noqa: E402
from runs.bench.results import new_directory  # noqa: E402
from runs.bench.slayer import contestants, equality, run  # noqa: E402
from runs.bench.slayer.cases import DENSE, EVENTS, PLAIN, UPSTREAM, Case, Entry, cases, memory_cases  # noqa: E402
from runs.bench.slayer.contestants import Contestant, build  # noqa: E402
from runs.bench.slayer.equality import SpikesDifferError, check_spikes, compare  # noqa: E402
from runs.bench.slayer.inputs import labels, spike_train  # noqa: E402
from runs.bench.slayer.memory import measure_memory  # noqa: E402

HELD, COARSE = Entry(library="lava-dt", clock="held"), Entry(library="lava-dt", clock="coarse")
COARSE_EVENTS = Entry(library="lava-dt", clock="coarse", events=True)
TINY = Case(section="training", hidden=24, batch=2, steps=40, density=0.05, rounds=2, entries=(UPSTREAM, DENSE, PLAIN))


@pytest.fixture
def tiny(monkeypatch):
    """The benchmark with tiny cases, in this process with its threads as they are."""
    monkeypatch.setattr(run, "set_threads", lambda threads: [])
    monkeypatch.setattr(run, "cases", lambda options: [TINY, TINY.model_copy(update={"section": "scaling"})])
    monkeypatch.setattr(run, "memory_cases", lambda options: [])


def test_both_sides_start_from_the_same_weights_and_delays():
    case = TINY.model_copy(update={"delay": True})
    upstream, ours = build(case, UPSTREAM, 3), build(case, DENSE, 3)
    values = dict(upstream.named_parameters())
    assert any("delay" in name for name in values)
    for name, value in ours.named_parameters():
        assert torch.equal(value, values[name]), name
    weights = next(build(TINY, PLAIN, 3).parameters())
    assert torch.equal(weights, upstream[0].synapse.weight.detach().flatten(1))


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_no_weight_is_so_near_an_edge_of_its_bits_that_another_order_of_sums_would_round_it_elsewhere(network):
    for seed in range(3):
        synapses = [block.synapse for block in build(TINY.model_copy(update={"network": network}), UPSTREAM, seed)
                    if hasattr(getattr(block, "synapse", None), "weight_v")]  # fmt: skip
        for synapse in synapses:
            steps = synapse.weight * 32
            assert ((steps - steps.floor() - 0.5).abs() > 9e-5).all()
            torch.testing.assert_close(synapse.weight, synapse.weight_v, rtol=1e-6, atol=0)
        assert len(synapses) == {"dense": 2, "conv": 3}[network]


def test_an_event_input_holds_what_the_dense_one_holds():
    for case in (TINY, TINY.model_copy(update={"network": "conv"})):
        assert torch.equal(spike_train(case, EVENTS, 0).to_dense(), spike_train(case, DENSE, 0))


def test_the_input_has_the_density_asked_for():
    for density in (0.006, 0.4):
        found = spike_train(TINY.model_copy(update={"density": density, "steps": 200}), DENSE, 0)
        # a million cells: three standard deviations are 0.0015 at most
        assert abs(float(found.mean()) - density) < 0.002
        assert set(found.unique().tolist()) == {0.0, 1.0}


def test_bins_keep_every_event_also_where_dt_does_not_divide_the_steps():
    case = TINY.model_copy(update={"dt": 7})
    fine, coarse = spike_train(case, DENSE, 0), spike_train(case, COARSE, 0)
    assert coarse.shape[-1] == 6
    assert torch.equal(coarse[..., 2], fine[..., 14:21].sum(-1)) and coarse.sum() == fine.sum()
    assert torch.equal(spike_train(case, COARSE_EVENTS, 0).to_dense(), coarse)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "inference"},
        {"delay": True},
        {"network": "conv", "batch": 1},
        {"dt": 4, "entries": (UPSTREAM, HELD, COARSE)},
        {"dt": 7, "entries": (UPSTREAM, HELD, COARSE)},
    ],
)
def test_lava_dt_spikes_as_lava_dl_before_anything_is_timed(changes):
    found = check_spikes(TINY.model_copy(update=changes), 0)
    assert found["failed"] == {}
    assert len(found["compared"]) == (2 if "dt" in changes else 1)
    assert found["spikes"][0] > 50, "a silent network would be equal to anything"
    if found["gradient_difference"] is not None:
        assert found["gradient_difference"] < 1e-4  # sums of float32 in another order


def test_one_spike_more_stops_the_benchmark(tiny, monkeypatch, tmp_path):
    whole = contestants.Layers.outputs

    def with_one_more(self, x):
        layers = list(whole(self, x))
        if type(self[0]).__module__.startswith("lava_dt"):
            layers[0] = layers[0].clone()
            layers[0][0, 0, 5] += 1
        return iter(layers)

    monkeypatch.setattr(contestants.Layers, "outputs", with_one_more)
    with pytest.raises(SpikesDifferError, match=r"1 entries of layer 1 of lava-dt \(training, .* nothing was timed"):
        run.run_slayer(SlayerBench(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_layers_of_another_shape_differ():
    with pytest.raises(SpikesDifferError, match=r"layer 2 of them gives \(3,\), lava-dl \(4,\)"):
        compare([torch.zeros(2), torch.zeros(4)], [torch.zeros(2), torch.zeros(3)], "them")


def test_a_contestant_that_cannot_take_part_is_told_and_the_others_go_on(tiny, monkeypatch, tmp_path, capsys):
    def refuse(case, entry, seed):
        if entry.library == "lava-dt":
            raise NotImplementedError("no such block\nand much more")
        return build(case, entry, seed)

    monkeypatch.setattr(equality, "build", refuse)
    assert run.run_slayer(SlayerBench(out=tmp_path / "out", device="cpu")) == 1
    assert "lava-dt cannot take part" in capsys.readouterr().err
    result = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert result["checks"][0]["failed"] == {"lava-dt": "NotImplementedError: no such block"}
    assert set(result["races"][0]["entries"]) == {"lava-dl", "plain torch"}
    assert "**lava-dt** could not take part" in (tmp_path / "out" / "bench.md").read_text()


def test_a_race_that_breaks_down_is_told_and_the_other_cases_go_on(tiny, monkeypatch, tmp_path, capsys):
    whole = Contestant.step

    def breaking(self):
        if self._case.section == "training":
            raise RuntimeError("out of something")
        whole(self)

    monkeypatch.setattr(Contestant, "step", breaking)
    assert run.run_slayer(SlayerBench(out=tmp_path / "out", device="cpu")) == 1
    assert "was stopped: RuntimeError: out of something" in capsys.readouterr().err
    first, second = json.loads((tmp_path / "out" / "bench.json").read_text())["races"]
    assert first["entries"] == {} and second["failed"] == {} and len(second["entries"]) == 3


def test_the_results_hold_every_round_the_machine_and_a_picture(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    assert run.run_slayer(SlayerBench(out=out, device="cpu", threads=1)) == 0
    said = capsys.readouterr().out
    assert "spikes equal bit for bit" in said and "on two free cores" in said
    result = json.loads((out / "bench.json").read_text())
    assert result["complete"] and len(result["races"]) == 2
    race = result["races"][0]
    assert list(race["entries"]) == ["lava-dl", "lava-dt", "plain torch"]
    for row in race["entries"].values():
        assert len(row["walls"]) == len(row["cpus"]) == 2
        assert row["wall"] == pytest.approx(np.median(row["walls"]))
    ours, theirs = race["entries"]["lava-dt"], race["entries"]["lava-dl"]
    ratios = np.asarray(theirs["walls"]) / np.asarray(ours["walls"])
    assert ours["wall_ratio"] == pytest.approx(np.median(ratios))
    assert result["machine"]["threads"] == 1 and "torch" in result["machine"]["packages"]
    assert (out / "bench.svg").read_text().startswith("<svg")
    page = (out / "bench.md").read_text()
    assert "0 differ from lava-dl's" in page and "| lava-dl | " in page


def test_a_result_is_never_written_over(tiny, tmp_path):
    (tmp_path / "bench.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"holds 'bench.json' already: give --out a directory that is new or empty"):
        run.run_slayer(SlayerBench(out=tmp_path))
    with pytest.raises(ConfigError, match="is a file"):
        new_directory(tmp_path / "bench.json", "slayer")


def test_every_step_meets_the_same_weights(tmp_path):
    contestant = Contestant(TINY, DENSE, 0)
    before = [p.detach().clone() for p in contestant.network.parameters()]
    contestant.step()
    assert any(not torch.equal(p, b) for p, b in zip(contestant.network.parameters(), before, strict=True))
    contestant.restore()
    assert all(torch.equal(p, b) for p, b in zip(contestant.network.parameters(), before, strict=True))


def test_the_plain_loop_fires_about_as_lava_dl_does_and_learns():
    x = spike_train(TINY, PLAIN, 0)
    plain, upstream = build(TINY, PLAIN, 0), build(TINY, UPSTREAM, 0)
    plain.directions, plain.norms = plain.directions[:1], plain.norms[:1]
    ours, theirs = plain(x), upstream[0](x)
    assert ours.shape == theirs.shape
    # float32 rounds where Loihi cuts off, so a crossing may move by a step
    assert torch.count_nonzero(ours != theirs) < 0.1 * torch.count_nonzero(theirs)
    ours.sum().backward()
    theirs.sum().backward()
    gradient = upstream[0].synapse.weight_v.grad.flatten(1)
    alike = torch.nn.functional.cosine_similarity(plain.directions[0].grad.flatten(), gradient.flatten(), dim=0)
    assert alike > 0.9


def test_cases_can_be_limited_and_repeated():
    assert {case.section for case in cases(SlayerBench(quick=True, only=("delay", "conv")))} == {"delay", "conv"}
    assert {case.rounds for case in cases(SlayerBench(repeats=4))} == {4}
    assert memory_cases(SlayerBench(only=("conv",))) == []
    assert sum(case.expected_seconds() for case in cases(SlayerBench(quick=True))) < 90
    names = [(case.section, case.title) for case in cases(SlayerBench())]
    assert len(set(names)) == len(names)


def test_options_out_of_range_are_refused_in_a_sentence():
    with pytest.raises(ConfigError, match=r"--repeats is 0: input should be greater than or equal to 1"):
        checked(SlayerBench, {"repeats": 0})
    with pytest.raises(ConfigError, match="torch sees no CUDA device"):
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        run._devices(SlayerBench(device="cuda"), None)


def test_on_a_gpu_there_are_no_lists_of_events_and_no_lava_dl_without_its_compiler(monkeypatch, capsys):
    from runs.console import Console

    case = TINY.model_copy(update={"entries": (UPSTREAM, DENSE, EVENTS, PLAIN)})
    monkeypatch.setattr(run, "without_gpu_extension", lambda: "nvcc cannot be found")
    run._why_not_upstream.cache_clear()
    placed = run._on("cuda", [case], Console())
    assert [entry.name for entry in placed[0].entries] == ["lava-dt", "plain torch"]
    assert "nvcc cannot be found: on the GPU there is lava-dt and the plain torch loop alone" in capsys.readouterr().err


def test_a_contestant_that_breaks_down_on_the_gpu_leaves_the_others_theirs(monkeypatch, capsys):
    from runs.console import Console

    class OnTheCPU(Contestant):
        def __init__(self, case, entry, seed):
            super().__init__(case.model_copy(update={"device": "cpu"}), entry, seed)

        def step(self):
            if self.name == "lava-dl":
                raise RuntimeError("no kernel image is available")
            super().step()

    monkeypatch.setattr(contestants, "Contestant", OnTheCPU)
    monkeypatch.setattr(run, "_synchroniser", lambda case: lambda: None)
    record = run._race(TINY.model_copy(update={"device": "cuda"}), 0, Console())
    assert record["failed"] == {"lava-dl": "RuntimeError: no kernel image is available"}
    assert set(record["entries"]) == {"lava-dt", "plain torch"} and record["reference"] == "lava-dt"
    assert "lava-dl cannot take part" in capsys.readouterr().err


def test_a_busy_machine_is_told(monkeypatch):
    monkeypatch.setattr(machine, "load", lambda: 0.0)
    assert machine.busy_sentence() is None
    monkeypatch.setattr(machine, "load", lambda: 64.0)
    assert "the machine is busy: load 64.0" in machine.busy_sentence()


@pytest.mark.skipif(not available(), reason="this system does not tell a process its peak memory")
def test_peak_memory_is_measured_in_a_process_of_its_own():
    case = TINY.model_copy(update={"section": "memory", "steps": 300, "batch": 8})
    found = measure_memory(case, PLAIN, 0, 1)
    assert found["mib"] > 8 * 2312 * 300 * 4 / 2**20, "the input alone"
    with pytest.raises(RuntimeError, match=r"memory of plain torch \(.*\) could not be measured: "):
        measure_memory(case.model_copy(update={"network": "conv"}), PLAIN, 0, 1)


def test_labels_are_classes():
    assert labels(TINY.model_copy(update={"batch": 500}), 0).unique().tolist() == list(range(10))
