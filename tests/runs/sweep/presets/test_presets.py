"""The sweeps that are shipped: both sizes are planned, each experiment with its baseline."""

from importlib.resources import files
from pathlib import Path

import pytest

from runs.comparison import Run, compare
from runs.sweep import load_sweep

TABLE3 = {"table3-bats": 51, "table3-slayer": 51, "table3-bats-ablations": 199, "table3-slayer-ablations": 41}


def preset(name, quick=False):
    return load_sweep((files("runs.sweep") / "presets" / f"{name}.toml").read_text("utf-8"), quick=quick)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", sorted(TABLE3))
def test_every_experiment_of_table_3_has_its_runs_and_a_baseline(name, quick):
    sweep = preset(name, quick)
    assert sweep.name == name and sweep.title.startswith("Table 3") and len(sweep.question) > 300
    assert quick or len(sweep.runs) == TABLE3[name]
    for experiment in sweep.experiments:
        mine = [run.config for run in sweep.runs if experiment.name in run.experiments]
        assert any(config.is_baseline() for config in mine) and not all(config.is_baseline() for config in mine)
        assert {config.epochs for config in mine} == ({15} if not quick else {mine[0].epochs})


def test_the_grid_is_the_thesis_s():
    for name, kinds in (("table3-bats", {"bats"}), ("table3-slayer", {"slayer", "slayer published"})):
        configs = [run.config for run in preset(name).runs]
        assert {config.kind() for config in configs} == kinds
        assert {config.seed for config in configs} == {0, 1, 2} and {config.batch for config in configs} == {32}
        assert {config.learning_rate for config in configs} == {1e-3}
    assert "the text's 1e-3 and the epochs its 15, where the code's own script has 3e-3 and 30" in (
        preset("table3-bats").question
    )
    bats = [run.config for run in preset("table3-bats").runs if run.experiment == "published"]
    assert {config.bins for config in bats} == {None, 150, 75, 50, 37, 30}
    assert {config.silent_labels for config in bats} == {0.0} and {config.epoch_samples for config in bats} == {576}
    slayer = [run.config for run in preset("table3-slayer").runs if run.experiment == "published"]
    assert {config.dt for config in slayer} == {1, 2, 4, 6, 8, 10}
    assert {(config.hidden, config.delay, config.voltage_decay) for config in slayer} == {((512, 512), True, 0.03)}


@pytest.mark.parametrize("name", ["table3-slayer-ablations", "table3-bats-ablations"])
def test_an_ablation_differs_from_the_published_in_little(name):
    runs = preset(name).runs
    reference = next(run.config for run in runs if run.experiment == "published" and not run.config.is_baseline())
    for experiment in preset(name).experiments[1:]:
        one = next(run.config for run in runs if experiment.name in run.experiments and not run.config.is_baseline())
        ours, theirs = one.identity(), reference.identity()
        differing = {key for key in ours if ours[key] != theirs[key]} - {"dt", "bins", "seed", "test_samples"}
        assert 1 <= len(differing) <= (4 if experiment.name == "repaired" else 2), (experiment.name, differing)


@pytest.mark.parametrize("quick", [False, True])
def test_common_gives_both_models_the_same_data_architecture_and_milliseconds(quick):
    sweep = preset("common", quick)
    for dataset, samples in (("nmnist", {None}), ("mnist", {1000 if quick else 6000})):
        steps = {}
        for model in ("bats", "slayer"):
            mine = [run.config for run in sweep.runs if run.experiment == f"{model}-{dataset}"]
            assert {(config.model, config.dataset, config.hidden) for config in mine} == {(model, dataset, (512,))}
            assert {config.train_samples for config in mine} == samples
            assert {config.encoding for config in mine} == {"latency" if dataset == "mnist" else None}
            unit = 1000 if model == "bats" else 1
            steps[model] = {round(unit * config.dt) for config in mine if not config.is_baseline()}
            assert sum(config.is_baseline() for config in mine) == (1 if quick else 3)
        assert steps["bats"] == steps["slayer"] == ({4, 10} if quick else {2, 4, 6, 8, 10})


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", ["common", *sorted(TABLE3)])
def test_every_run_is_compared_with_the_baseline_of_its_own_experiment(name, quick):
    sweep = preset(name, quick)
    places = {experiment.name: place for place, experiment in enumerate(sweep.experiments)}
    runs = [
        Run(
            path=Path(run.directory),
            config=run.config,
            rows=[{"train_accuracy": 0.5}],
            experiments={name: places[name] for name in run.experiments},
        )
        for run in sweep.runs
    ]
    for entry in compare(runs):
        assert len(entry.pairs) == len(entry.runs), (entry.experiment, entry.config.step_text())
        for run, baseline in entry.pairs:
            assert baseline.config.is_baseline() and baseline.config.seed == run.config.seed
            assert entry.experiment in baseline.experiments
