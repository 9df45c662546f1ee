"""Reports come from directories alone, and say what the directories say."""

import json
import math
import re
import shutil

import pytest

from runs.comparison import compare, read_runs
from runs.config import ConfigError, make_config
from runs.directory import Checkpoint, RunDirectory
from runs.environment import describe_environment
from runs.report import write_report

ACCURACIES = {None: [0.5, 0.8, 0.9], 75: [0.4, 0.7, 0.9], 30: [0.2, 0.4, 0.6]}


def put_run(path, config, accuracies):
    directory, rows = RunDirectory(path), []
    with directory.open(config):
        directory.note_environment(describe_environment())
        for epoch, accuracy in enumerate(accuracies, start=1):
            row = {"epoch": epoch, "train_accuracy": accuracy, "train_loss": 1.0, "seconds": 0.5}
            row.update(test_accuracy=accuracy - 0.1, test_silent_labels=0.01, test_spikes_hidden1=1.5)
            rows.append(row)
            directory.save(Checkpoint(epoch=epoch, data="made up", arrays={}, rows=rows))
        if len(accuracies) == config.epochs:
            directory.finish(config.epochs)


@pytest.fixture
def results(tmp_path):
    for model in ("bats", "slayer"):
        for bins, accuracies in ACCURACIES.items():
            put_run(tmp_path / f"{model}-{bins}", make_config(model, {"bins": bins, "epochs": 3}), accuracies)
    return tmp_path


def test_the_change_is_that_of_the_area_under_training_accuracy(results):
    entries = {(e.run.config.model, e.run.config.bins): e for e in compare(read_runs(results))}
    assert entries["bats", None].rate == pytest.approx(0.65 + 0.85)
    assert entries["bats", 30].rate == pytest.approx(0.3 + 0.5)
    assert entries["bats", 30].change == pytest.approx((0.8 - 1.5) / 1.5)
    assert entries["slayer", 75].change == pytest.approx((1.35 - 1.5) / 1.5)
    assert entries["slayer", 300].change == 0.0


def test_the_table_goes_from_the_baseline_to_few_bins_model_by_model(results):
    order = [(e.run.config.model, e.run.config.bins) for e in compare(read_runs(results))]
    assert order == [("slayer", 300), ("slayer", 75), ("slayer", 30), ("bats", None), ("bats", 75), ("bats", 30)]


def test_runs_that_differ_in_more_than_the_step_are_not_compared(tmp_path):
    put_run(tmp_path / "base", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    put_run(tmp_path / "other", make_config("bats", {"epochs": 2, "bins": 30, "seed": 1}), [0.5, 0.8])
    changes = [e.change for e in compare(read_runs(tmp_path))]
    assert changes[0] == 0.0 and math.isnan(changes[1])
    page = write_report([tmp_path], tmp_path).with_suffix(".md").read_text(encoding="utf-8")
    assert "no discretised run here with an undiscretised one that shares its other settings" in page


def test_the_summary_tells_of_the_run_that_has_a_baseline_of_its_own(tmp_path):
    put_run(tmp_path / "base", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    put_run(tmp_path / "fine", make_config("bats", {"epochs": 2, "bins": 150}), [0.5, 0.8])
    put_run(tmp_path / "small", make_config("bats", {"epochs": 2, "bins": 30, "hidden": (8,)}), [0.1, 0.2])
    page = write_report([tmp_path], tmp_path).with_suffix(".md").read_text(encoding="utf-8")
    assert "From undiscretised to 150 bins the convergence rate changes by \N{MINUS SIGN}7.1%" in page
    assert "goes from 80.0% to 70.0%" in page


def test_a_run_in_progress_is_compared_over_the_epochs_that_both_have(tmp_path):
    put_run(tmp_path / "base", make_config("bats", {"epochs": 3}), [0.5, 0.9, 0.9])
    put_run(tmp_path / "other", make_config("bats", {"epochs": 3, "bins": 30}), [0.4, 0.3])
    entry = compare(read_runs(tmp_path))[1]
    assert entry.change == pytest.approx((0.35 - 0.7) / 0.7)


def test_the_report_holds_table_figures_parity_commands_and_versions(results):
    export = results / "slayer-None" / "export"
    export.mkdir()
    parity = {"epoch": 3, "dt": 1, "recordings": 2, "steps": 300, "spikes": 5120, "differing_spikes": 0}
    parity.update(differing_currents=0, differing_voltages=0, first=None)
    (export / "parity.json").write_text(json.dumps(parity))
    page = write_report([results], results / "out").read_text()
    assert page.count("<svg") == 5 and "<script" not in page
    assert not re.search(r'(src|href)="(?!#)', page.replace("xlink:href", "")), "the page must need no other file"
    for text in (
        "\u221246.7%",
        "baseline",
        "0 of 5,120 spikes differ",
        "lava-dt train bats --epochs 3 --dt 0.01",
    ):
        assert text in page
    assert describe_environment()["packages"]["numpy"] in page
    markdown = (results / "out" / "report.md").read_text()
    for text in (
        "| 10 ms, snap | 30 | \u221246.7% |",
        "**Trained at 1 ms (undiscretised):** 0 of 5,120",
        "report-slayer-train.svg",
    ):
        assert text in markdown
    assert all((results / "out" / name).exists() for name in re.findall(r"\((report-.*?\.svg)\)", markdown))


def test_a_report_needs_the_directories_only_and_they_may_have_moved(results, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "results"
    first = write_report([results], results / "out").read_text()
    shutil.move(results / "bats-30", results / "renamed")
    shutil.move(results, elsewhere)
    assert write_report([elsewhere], elsewhere / "out").read_text() == first


def test_one_epoch_has_no_rate_and_the_report_says_so(tmp_path):
    put_run(tmp_path / "base", make_config("bats", {"epochs": 1}), [0.5])
    put_run(tmp_path / "other", make_config("bats", {"epochs": 1, "bins": 30}), [0.4])
    assert "the convergence rate is not defined for one epoch" in write_report([tmp_path], tmp_path).read_text()


def test_without_a_run_there_is_no_report(tmp_path):
    with pytest.raises(ConfigError, match=r"no run with a finished epoch in .*: train one with lava-dt train"):
        write_report([tmp_path], tmp_path)
