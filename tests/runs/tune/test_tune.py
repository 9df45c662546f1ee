"""`tune`: the search, the judgement, what is kept of it, and what is recommended."""

import copy
import dataclasses
import json
import re
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")

from runs.config import ConfigError  # noqa: E402
from runs.deploy.encoding import Encoding  # noqa: E402
from runs.holding import Busy  # noqa: E402
from runs.tune import converted, finetuning, measurements, shipping  # noqa: E402
from runs.tune import tune as module  # noqa: E402
from runs.tune.costs import Costs  # noqa: E402
from runs.tune.data import ArraySamples  # noqa: E402
from runs.tune.evaluation import Evaluation  # noqa: E402
from runs.tune.network import Tunable  # noqa: E402
from runs.tune.result import load_result  # noqa: E402

tune = module.tune
STEPS = 32


class Net(torch.nn.Module):
    """Stands for a network: what was done to it."""

    def __init__(self):
        super().__init__()
        self.dt, self.rule, self.epochs = 1, None, 0
        self.timestep = lava_dt.Timestep()


RULES = {
    "plain": SimpleNamespace(needs_calibration=False),
    "good": SimpleNamespace(needs_calibration=False),
    "matched": SimpleNamespace(needs_calibration=True),
    "refusing": SimpleNamespace(needs_calibration=False),
}
OWN = 0.10
WRONG = {"plain": 0.4, "good": 0.12, "matched": 0.2}


@pytest.fixture
def workshop(monkeypatch):
    """Replaces everything that computes; returns the log, and a switch for how wrong the rules are and when to stop."""
    state = SimpleNamespace(log=[], wrong=dict(WRONG), stop_after=None, identical=True, twins={})

    def rate(net):
        share = OWN if net.rule is None else OWN + (state.wrong[net.rule] - OWN) * net.dt / 4
        return OWN + (share - OWN) / 4 if net.epochs else share

    def evaluate(net, samples, indices, dt, decide, watcher):
        if state.stop_after is not None and len(state.log) >= state.stop_after:
            raise KeyboardInterrupt
        assert net.dt == dt
        state.log.append(("evaluate", samples.name, dt, net.rule, net.epochs, int(indices[0]), int(indices[-1]) + 1))
        luck = samples.spikes[indices, 0, 0]  # decides which samples go wrong, the same ones first
        labels = samples.labels[indices]
        predicted = np.where(luck < rate(net), labels + 1, labels)
        n = len(indices)
        return Evaluation(
            predicted=predicted, labels=labels, counts=np.eye(4, dtype=np.float32)[predicted], names=("out",),
            neurons=(3,), spike_totals=(n,), operation_totals=(n, 0), event_totals=n, message_totals=n, graded_totals=0,
            graded_operations=0, steps=-(-STEPS // dt), seconds=0.032,
        )  # fmt: skip

    def convert(net, dt, rule, responses=None, clock="held"):
        name = next(name for name, known in RULES.items() if known is rule)
        assert clock == "coarse" and (responses is not None) == rule.needs_calibration
        if name == "refusing":
            raise ValueError("decays are too fast")
        state.log.append(("convert", dt, name))
        net.dt, net.rule, net.timestep = dt, name, lava_dt.Timestep(dt, clock="coarse")
        return SimpleNamespace(notes=("dense 0: current_decay is beyond good and held at 1",) if dt == 4 else ())

    def answers(net, samples, dt=1, watcher=None):
        assert (net.dt, net.rule) == (1, None)
        state.log.append(("answers", len(samples)))
        return np.ones((len(samples), 3), np.float32)

    def finetune(net, samples, targets, epochs, dt, decide, seed, folder, watcher):
        assert folder.is_dir() and targets.shape == (len(samples), 3)
        state.log.append(("finetune", dt, net.rule, epochs, len(samples)))
        net.epochs = epochs

    def write(net, tunable, folder):
        state.log.append(("write", net.dt, net.rule))
        (folder / "network.net").write_text("a network")
        return {"hdf5": folder / "network.net"}

    def check(net, samples, n, file):
        assert file.read_text() == "a network"
        from lava_dt.export import LayerParity, ParityReport

        state.log.append(("check", net.dt, net.rule, n))
        differing = 0 if state.identical else 1
        return ParityReport(n, STEPS, net.dt, (LayerParity("0 dense", 3, (1, 1), 5, differing, 0, 0),), None, 0.1)

    def costs_of(net, evaluation, dt, fine_step):
        state.log.append(("costs", dt, net.rule))
        return made(Costs, steps=evaluation.steps)

    for place in (module, converted):
        monkeypatch.setattr(place, "RULES", RULES)
    monkeypatch.setattr(measurements, "_PIECE", 250)
    monkeypatch.setattr(measurements, "evaluate", evaluate)
    monkeypatch.setattr(shipping, "write", write)
    monkeypatch.setattr(shipping, "check", check)
    monkeypatch.setattr(measurements, "costs_of", costs_of)
    monkeypatch.setattr(converted, "convert", convert)
    monkeypatch.setattr(
        converted, "twins", lambda make, dt, rules: {rule: state.twins.get(rule, rule) for rule in rules}
    )
    monkeypatch.setattr(converted, "record", lambda net, batches: [len(batch) for batch in batches])
    monkeypatch.setattr(finetuning, "finetune", finetune)
    monkeypatch.setattr(finetuning, "answers", answers)
    feasible = lava_dt.export.feasibility.Feasibility
    monkeypatch.setattr(measurements, "describe", lambda net: net)
    monkeypatch.setattr(measurements, "feasible", lambda net, timestep: feasible(timestep, ()))
    return state


def made(kind, **values):
    """A dataclass of which only some fields matter: the others are 0."""
    fields = {field.name: 0.0 for field in dataclasses.fields(kind) if field.init}
    return kind(**{**fields, **values})


def samples(name, n, seed):
    """Labels 0 to 2, and a number in [0, 1) a sample as its first count."""
    rng = np.random.default_rng(seed)
    spikes = np.zeros((n, 2, STEPS))
    spikes[:, 0, 0] = rng.permutation((np.arange(n) + 0.5) / n)
    return ArraySamples(name=name, spikes=spikes, labels=rng.integers(0, 3, n), step=1e-3)


def toy(**changes):
    values = {
        "name": "toy", "identity": "abc", "fine_step": 1e-3, "encoding": None, "shape": (2,), "make": Net,
        "decide": lambda spikes: spikes.sum(-1).argmax(1),
    }  # fmt: skip
    return Tunable(**{**values, **changes})


DATA = samples("calibration", 200, 1), samples("test", 600, 2)


@contextmanager
def locked_by_another(folder):
    """Holds the directory of a tune of the same network, as another process does."""
    fcntl = pytest.importorskip("fcntl")
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(out, **changes):
    return tune(toy(), DATA, **{"dts": (2, 4, 8), "out": out, "tolerance": "3%", **changes})


def lasting(result):
    """A result without how long it took, as text."""
    from runs.tune.store import encoded

    return json.dumps(encoded(dataclasses.replace(result, seconds=0.0, files={})))


def test_the_coarsest_step_within_the_tolerance_is_chosen_written_and_run_in_lava(tmp_path, workshop):
    result = run(tmp_path)
    assert [one.key for one in result.judged] == [(2, "good", 0), (4, "good", 0), (8, "good", 0)]
    assert [round(one.loss, 4) for one in result.judged] == [0.01, 0.02, 0.04]
    assert result.chosen.key == (4, "good", 0) and result.nearest.key == (2, "good", 0)
    assert result.baseline.accuracy == pytest.approx(0.9) and result.baseline.rule is None
    assert result.files["hdf5"].read_text() == "a network"
    assert ("write", 4, "good") in workshop.log and ("check", 4, "good", 20) in workshop.log
    assert result.parity.identical and result.comparisons == 3
    assert "Run toy at dt = 4 (4 ms) by good: 8 steps an inference instead of 32" in result.sentence


def test_rules_are_chosen_on_the_calibration_set_and_judged_on_the_test_set_alone(tmp_path, workshop):
    run(tmp_path)
    assert {entry[3] for entry in workshop.log if entry[:2] == ("evaluate", "test")} == {None, "good"}
    spans = [entry for entry in workshop.log if entry[0] == "evaluate"]
    assert len(set(spans)) == len(spans)


def test_a_rule_that_needs_calibration_gets_what_the_network_did_on_its_samples(tmp_path, workshop, monkeypatch):
    seen = []
    monkeypatch.setattr(converted, "record", lambda net, batches: seen.extend(len(batch) for batch in batches) or seen)
    run(tmp_path, rules=("matched",))
    assert sum(seen) == 200


def test_the_intervals_hold_together(tmp_path, workshop):
    from runs.tune.paired import score_interval

    result = run(tmp_path)
    assert {one.interval.level for one in result.judged} == {1 - 0.05 / 3}
    assert result.chosen.interval == score_interval(12, 0, 600, 1 - 0.05 / 3)  # the same 60 are wrong, and 12 more


def test_rules_that_make_the_same_network_are_evaluated_once(tmp_path, workshop):
    workshop.wrong["good"] = workshop.wrong["plain"]
    each = run(tmp_path / "each", rules=("plain", "good"), dts=(4,))
    twice = [entry for entry in workshop.log if entry[0] == "evaluate" and entry[3] == "good"]
    workshop.log.clear()
    workshop.twins = {"good": "plain"}
    once = run(tmp_path / "once", rules=("plain", "good"), dts=(4,))
    assert twice and not [entry for entry in workshop.log if "good" in entry]
    assert lasting(each) == lasting(once)


def test_two_tunes_in_one_directory_keep_apart(tmp_path, workshop):
    with locked_by_another(tmp_path), pytest.raises(Busy, match=r"another process is running in .*: wait for it, or"):
        run(tmp_path)
    assert workshop.log == [] and run(tmp_path).chosen is not None


def test_a_rule_that_refuses_is_told_of_and_out(tmp_path, workshop):
    result = run(tmp_path)
    refused = [score for score in result.scores if score.refused]
    assert {(score.dt, score.rule) for score in refused} == {(dt, "refusing") for dt in (2, 4, 8)}
    assert refused[0].refused == "decays are too fast"


def test_where_every_rule_refuses_there_is_nothing_to_recommend(tmp_path, workshop):
    watcher = Watcher()
    result = run(tmp_path, rules=("refusing",), watcher=watcher)
    assert result.judged == () and result.chosen is None and result.nearest is None and result.files == {}
    assert result.sentence.startswith("Nothing to recommend: no rule converts toy")
    assert result.sentence.endswith("any of the steps asked for: decays are too fast")
    assert any("dt = 8: no rule converts the network" in sentence for sentence in watcher.warnings)


def test_where_nothing_is_within_the_tolerance_it_says_so_and_the_nearest_is_written(tmp_path, workshop):
    workshop.wrong["good"] = 0.3
    result = run(tmp_path, tolerance="1%")
    assert result.chosen is None and result.nearest.key == (2, "matched", 0)
    assert "Nothing to recommend: none of dt = 2, 4, 8 keeps toy" in result.sentence
    assert "The nearest is dt = 2 (2 ms) by matched, with a loss of 5 points (" in result.sentence
    assert result.sentence.endswith("which excludes that it is within.")
    assert ("write", 2, "matched") in workshop.log and result.files


def test_the_same_seed_gives_the_same_answer(tmp_path, workshop):
    one, other = run(tmp_path / "one"), run(tmp_path / "other")
    assert lasting(one) == lasting(other)


def test_a_finished_tune_is_read_and_nothing_is_computed_again(tmp_path, workshop):
    first = run(tmp_path, finetune=2)
    workshop.log.clear()
    again = run(tmp_path, finetune=2)
    assert workshop.log == [] and lasting(first) == lasting(again)


def test_another_tolerance_asks_nothing_of_the_networks(tmp_path, workshop):
    run(tmp_path)
    workshop.log.clear()
    result = run(tmp_path, tolerance="5%")
    assert result.chosen.dt == 8
    assert {entry[0] for entry in workshop.log} == {"convert", "write", "check"}  # of the network that is now written


def test_killed_at_any_moment_it_goes_on_to_the_same_result_and_computes_nothing_twice(tmp_path, workshop):
    changes = {"finetune": 1, "dts": (4,), "rules": ("plain", "good", "matched")}
    whole = run(tmp_path / "whole", **changes)
    evaluations = [entry for entry in workshop.log if entry[0] == "evaluate"]
    for stop in range(0, len(workshop.log), 4):
        workshop.log.clear()
        workshop.stop_after = stop
        out = tmp_path / f"killed-{stop}"
        try:
            run(out, **changes)
        except KeyboardInterrupt:
            assert not (out / "result.json").exists()
        workshop.stop_after = None
        result = run(out, **changes)
        assert lasting(result) == lasting(whole)
        assert [entry for entry in workshop.log if entry[0] == "evaluate"] == evaluations


def test_a_damaged_evaluation_is_computed_again_with_a_word(tmp_path, workshop):
    first = run(tmp_path)
    file = next((tmp_path / "measured").glob("test-dt4-good-0-*"))
    for damage in (b"", b"{", re.sub(rb"\[\d, ", b"[7, ", file.read_bytes(), count=1), b'{"crc32": 0, "content": 1}'):
        file.write_bytes(damage)
        watcher, before = Watcher(), len(workshop.log)
        assert lasting(run(tmp_path, watcher=watcher)) == lasting(first)
        again = [entry[:4] for entry in workshop.log[before:] if entry[0] == "evaluate"]
        assert again == [("evaluate", "test", 4, "good")]
        assert len(watcher.warnings) == 1 and "is damaged" in watcher.warnings[0]
        assert "it is computed again" in watcher.warnings[0]


def test_a_written_network_that_is_gone_is_written_again(tmp_path, workshop):
    result = run(tmp_path)
    result.files["hdf5"].unlink()
    workshop.log.clear()
    assert run(tmp_path).files["hdf5"].is_file()
    assert {entry[0] for entry in workshop.log} == {"convert", "write"}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"net": toy(identity="xyz")}, "network = abc (asked for: xyz)"),
        ({"seed": 3}, "seed = 0 (asked for: 3)"),
        ({"data": (DATA[0], samples("test", 600, 5))}, "test = 600 samples"),
        ({"data": (samples("calibration", 150, 1), DATA[1])}, "calibration = 200 samples"),
    ],
)
def test_a_directory_of_another_tune_is_refused(tmp_path, workshop, other, told):
    run(tmp_path)
    before = len(workshop.log)
    with pytest.raises(ConfigError) as error:
        tune(**{"net": toy(), "data": DATA, "dts": (2,), "out": tmp_path, **other})
    assert told in str(error.value) and "give another --out" in str(error.value)
    assert len(workshop.log) == before


def test_finetuned_networks_are_judged_beside_those_as_converted(tmp_path, workshop):
    result = run(tmp_path, finetune=2)
    assert [one.key for one in result.judged] == [
        (dt, "good", epochs) for dt in (2, 4, 8) for epochs in (0, 2)
    ]  # fmt: skip
    assert result.chosen.key == (8, "good", 2) and "by good, 2 epochs of fine-tuning:" in result.sentence
    assert ("finetune", 8, "good", 2, 200) in workshop.log
    assert {one.interval.level for one in result.judged} == {1 - 0.05 / 6}
    assert workshop.log.count(("answers", 200)) == 1  # what is taught is asked for once


def test_a_network_that_decides_by_its_first_spike_is_not_finetuned(tmp_path, workshop):
    timed = Encoding(input="latency", steps=STEPS, window=0.02, decision="first")
    with pytest.raises(ConfigError, match=r"toy decides by the first spike, .*: leave out finetune"):
        tune(toy(encoding=timed), DATA, dts=(2,), out=tmp_path, finetune=1)
    assert tune(toy(encoding=timed), DATA, dts=(2,), out=tmp_path).chosen is not None


def test_all_rules_judges_every_rule_on_the_test_set_without_a_search(tmp_path, workshop):
    result = run(tmp_path, all_rules=True)
    assert {one.key for one in result.judged} == {(dt, rule, 0) for dt in (2, 4, 8) for rule in WRONG}
    assert result.scores == () and {entry[1] for entry in workshop.log if entry[0] == "evaluate"} == {"test"}
    assert result.chosen.key == (4, "good", 0)
    assert {one.interval.level for one in result.judged} == {1 - 0.05 / 9}


def test_what_is_to_be_known_of_a_conversion_is_told(tmp_path, workshop):
    told = "at dt = 4, dense 0: current_decay is beyond good and held at 1"
    assert run(tmp_path).notes == (told,) and run(tmp_path).notes == (told,)
    assert run(tmp_path / "other", dts=(2,)).notes == ()


def test_nothing_is_run_in_lava_where_that_was_not_asked_for(tmp_path, workshop):
    assert run(tmp_path, verify=0).parity is None
    assert "check" not in {entry[0] for entry in workshop.log}


def test_what_lava_does_otherwise_is_in_the_result(tmp_path, workshop):
    workshop.identical = False
    assert not run(tmp_path).parity.identical


def in_exact_time(judged):
    """Predictions that are wrong of one sample in fifty."""
    return np.where(judged.spikes[:, 0, 0] < 0.02, judged.labels + 1, judged.labels)


def test_losses_are_counted_against_exact_time_where_a_network_has_it(tmp_path, workshop):
    from runs.tune.paired import score_interval

    result = tune(toy(exact=in_exact_time), DATA, dts=(2, 4), out=tmp_path, tolerance="9.5%")
    assert result.exact == result.trained == pytest.approx(0.98) and result.comparisons == 3
    assert [round(one.loss, 4) for one in (result.baseline, *result.judged)] == [0.08, 0.09, 0.10]
    assert result.baseline.interval == score_interval(48, 0, 600, 1 - 0.05 / 3)
    assert result.chosen.dt == 2 and "right in exact time, a loss of 9 points (" in result.sentence
    plain = tune(toy(), DATA, dts=(2,), out=tmp_path / "other")
    assert plain.exact is None and plain.baseline.loss == 0 and plain.trained == plain.baseline.accuracy


def test_a_broken_own_step_is_not_hidden_by_what_is_better_than_it(tmp_path, workshop, monkeypatch):
    monkeypatch.setattr(f"{__name__}.OWN", 0.5)
    workshop.wrong["good"] = 0.4
    result = tune(toy(exact=in_exact_time), DATA, dts=(4,), rules=("good",), out=tmp_path)
    assert result.judged[0].accuracy > result.baseline.accuracy + 0.05 and result.chosen is None
    assert "before any conversion, it has 50.00% right, a loss of 48 points (" in result.sentence


def test_rules_that_are_equally_right_are_told_apart_by_what_exact_time_says(tmp_path, workshop):
    result = tune(toy(exact=in_exact_time), DATA, dts=(4,), rules=("good",), out=tmp_path)
    rung = result.scores[0].rungs[-1]
    assert (rung.samples, rung.correct, rung.alike) == (200, 176, 180)  # at its own step it would agree on 196
    assert not [entry for entry in workshop.log if entry[:4] == ("evaluate", "calibration", 1, None)]


def test_a_result_is_read_back_whole_from_where_it_was_moved_to(tmp_path, workshop):
    result = run(tmp_path / "here", finetune=1)
    (tmp_path / "here").rename(tmp_path / "there")
    back = load_result(tmp_path / "there")
    assert lasting(back) == lasting(result)
    assert back.files["hdf5"].is_relative_to(tmp_path / "there") and back.files["hdf5"].is_file()
    assert back.seconds == result.seconds and np.array_equal(
        back.chosen.evaluation.predicted, result.chosen.evaluation.predicted
    )


def test_how_it_goes_on_is_told(tmp_path, workshop):
    watcher = Watcher()
    run(tmp_path, watcher=watcher)
    assert watcher.stages[0] == ("dt = 2, samples 1 to 100, rules left: 4", 500)
    assert any(line.startswith("dt = 8: good, ") for line in watcher.lines)
    assert watcher.done == sum(samples for _, samples in watcher.stages)


def test_rules_and_steps_that_cannot_be_are_refused_before_anything_is_made(tmp_path, workshop):
    for changes, told in [
        ({"rules": ("nope",)}, "there is no rule 'nope': give one or more of plain, good, matched, refusing"),
        ({"dts": (64,)}, "dt = 64 is longer than a sample of 32 steps"),
        ({"tolerance": 2}, "tolerance is 2"),
    ]:
        with pytest.raises(ConfigError) as error:
            run(tmp_path / "new", **changes)
        assert told in str(error.value)
    assert not (tmp_path / "new").exists() and workshop.log == []


@pytest.fixture
def real():
    """A network of blocks, and two sets of noise that it is right about by its own word."""
    torch.manual_seed(4)
    neuron = {"threshold": 0.6, "current_decay": 0.2, "voltage_decay": 0.05, "tau_grad": 0.1, "scale_grad": 1.0}
    net = torch.nn.Sequential(
        lava_dt.cuba.Dense(dict(neuron), 6, 8, weight_scale=2), lava_dt.cuba.Dense(dict(neuron), 8, 3, weight_scale=2)
    )

    def decide(spikes):
        return spikes.sum(-1).argmax(1)

    spikes = np.random.default_rng(3).poisson(0.2, (60, 6, 48)).astype(np.float32)
    with torch.no_grad():
        labels = decide(net.eval()(torch.from_numpy(spikes))).numpy()
    everything = ArraySamples(name="noise", spikes=spikes, labels=labels, step=1e-3)
    network = toy(name="dense", shape=(6,), make=lambda: copy.deepcopy(net), decide=decide)
    return network, (everything.take(slice(30)), everything.take(slice(30, 60)))


def test_with_every_part_in_place_a_network_is_tuned_and_written(tmp_path, real):
    network, data = real
    rules = "step-invariant+matched", "tau-scaling"
    result = tune(network, data, out=tmp_path, dts=(4,), rules=rules, finetune=1, tolerance="90%", verify=0)
    assert result.baseline.accuracy == 1 and len(set(result.baseline.evaluation.labels)) > 1
    assert [one.finetuned for one in result.judged] == [0, 1] and {score.rule for score in result.scores} == set(rules)
    assert result.chosen.dt == 4 and result.chosen.costs.steps == 12
    assert result.chosen.feasibility.timestep.dt == 4 and result.files["hdf5"].is_file()
    assert lasting(load_result(tmp_path)) == lasting(result)


class Watcher:
    """Keeps what it is told."""

    def __init__(self):
        self.stages, self.lines, self.warnings, self.done = [], [], [], 0

    def stage(self, text, samples):
        self.stages.append((text, samples))

    def advance(self, samples):
        self.done += samples

    def tick(self, samples, total):
        pass

    def line(self, text):
        self.lines.append(text)

    def warn(self, sentence):
        self.warnings.append(sentence)
