"""Reports come from directories alone, and say what the directories say."""

import json
import math
import re
import shutil

import pytest

from runs.checkpoints import Checkpoint
from runs.comparison import compare, read_runs
from runs.config import ConfigError, make_config
from runs.directory import RunDirectory
from runs.environment import describe_environment
from runs.estimate import Estimate
from runs.report import write_report
from runs.report.wording import spread

ACCURACIES = {None: [0.5, 0.8, 0.9], 75: [0.4, 0.7, 0.9], 30: [0.2, 0.4, 0.6]}


def put_run(path, config, accuracies, **more):
    directory, rows = RunDirectory(path), []
    with directory.open(config):
        directory.note_environment(describe_environment())
        for epoch, accuracy in enumerate(accuracies, start=1):
            row = {"epoch": epoch, "train_accuracy": accuracy, "train_loss": 1.0, "seconds": 0.5}
            row.update(test_accuracy=accuracy - 0.1, test_silent_labels=0.01, test_spikes_hidden1=1.5, **more)
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
    entries = {(e.config.model, e.config.bins): e for e in compare(read_runs(results))}
    assert entries["bats", None].rate.mean == pytest.approx(0.65 + 0.85)
    assert entries["bats", 30].rate.mean == pytest.approx(0.3 + 0.5)
    assert entries["bats", 30].change.mean == pytest.approx((0.8 - 1.5) / 1.5)
    assert entries["slayer", 75].change.mean == pytest.approx((1.35 - 1.5) / 1.5)
    assert entries["slayer", 300].change.mean == 0.0


def test_the_table_goes_from_the_baseline_to_few_bins_model_by_model(results):
    order = [(e.config.model, e.config.bins) for e in compare(read_runs(results))]
    assert order == [("slayer", 300), ("slayer", 75), ("slayer", 30), ("bats", None), ("bats", 75), ("bats", 30)]


def test_runs_that_differ_in_more_than_the_step_are_not_compared(tmp_path):
    put_run(tmp_path / "base", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    put_run(tmp_path / "other", make_config("bats", {"epochs": 2, "bins": 30, "seed": 1}), [0.5, 0.8])
    changes = [e.change.mean for e in compare(read_runs(tmp_path))]
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
    assert entry.change.mean == pytest.approx((0.35 - 0.7) / 0.7)


def test_the_report_holds_table_figures_parity_commands_and_versions(results):
    export = results / "slayer-None" / "export"
    export.mkdir()
    parity = {"epoch": 3, "dt": 1, "recordings": 2, "steps": 300, "spikes": 5120, "differing_spikes": 0}
    parity.update(differing_currents=0, differing_voltages=0, first=None)
    (export / "parity.json").write_text(json.dumps(parity))
    page = write_report([results], results / "out").read_text()
    assert page.count("<svg xmlns") >= 10 and "<script" not in page
    assert not re.search(r'(src|href)="(?!#)', page.replace("xlink:href", "")), "the page must need no other file"
    for text in (
        "\u221246.7%",
        "baseline",
        "Table 3, printed and measured",
        "\u221270.71%",  # of SLAYER at 37 bins, as printed
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


def put_seeds(path, values, accuracies, **row):
    for seed, accuracy in enumerate(accuracies):
        config = make_config("bats", {"epochs": 2, "seed": seed, **values})
        put_run(path / f"{len(list(path.iterdir()))}", config, [accuracy, accuracy], **row)


def test_seeds_make_one_line_and_changes_are_paired_by_seed(tmp_path):
    put_seeds(tmp_path, {}, [0.5, 0.8, 0.9])
    put_seeds(tmp_path, {"bins": 30}, [0.45, 0.72, 0.81])  # each 10 % below its own baseline, though seeds scatter
    baseline, coarse = compare(read_runs(tmp_path))
    assert len(baseline.runs) == len(coarse.runs) == 3
    assert coarse.change.mean == pytest.approx(-0.1) and coarse.change.margin == pytest.approx(0.0, abs=1e-12)
    assert baseline.rate.mean == pytest.approx(2.2 / 3)
    assert baseline.last("test_accuracy").margin == pytest.approx(4.302653 * 0.2081666 / math.sqrt(3), rel=1e-5)
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    for text in (
        '63.3<span class="pm">\N{PLUS-MINUS SIGN} 51.7%</span>',
        '\N{MINUS SIGN}10.00<span class="pm">\N{PLUS-MINUS SIGN} 0.00%</span>',
        "for seed in 0 1 2; do lava-dt train bats --epochs 2 --dt 0.01 --seed $seed; done",
        "bands their 95% confidence intervals (of three seeds or more)",
        "(3 seeds, 95% interval)",
        "The rate falls at 30 bins.",
    ):
        assert text in page


def test_of_two_seeds_both_values_are_told(tmp_path):
    put_seeds(tmp_path, {}, [0.5, 0.8])
    put_seeds(tmp_path, {"bins": 30}, [0.45, 0.76])
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    for told in (
        "\N{MINUS SIGN}7.5% (\N{MINUS SIGN}10.0, \N{MINUS SIGN}5.0)",
        "(2 seeds, each in brackets)",
        "Two seeds hardly tell how far chance alone moves the rate",
        "Of two seeds both values stand in brackets behind their mean",
    ):
        assert told in page and told in text
    assert "\N{PLUS-MINUS SIGN} 31" not in page  # which is what Student's interval of the two would be


def test_a_seed_without_a_baseline_of_its_own_is_not_paired(tmp_path):
    put_seeds(tmp_path, {}, [0.5])
    put_seeds(tmp_path, {"bins": 30}, [0.4, 0.9])
    coarse = compare(read_runs(tmp_path))[1]
    assert len(coarse.runs) == 2 and coarse.change.n == 1
    assert coarse.change.mean == pytest.approx(-0.2)


def test_the_same_run_in_two_directories_counts_once(tmp_path):
    put_run(tmp_path / "whole", make_config("bats", {"epochs": 3}), [0.5, 0.6, 0.7])
    put_run(tmp_path / "copy", make_config("bats", {"epochs": 3}), [0.5, 0.6])
    (entry,) = compare(read_runs(tmp_path))
    assert [run.path.name for run in entry.runs] == ["whole"]


def test_seeds_in_progress_wait_where_others_are_finished(tmp_path):
    put_run(tmp_path / "done", make_config("bats", {"epochs": 3}), [0.5, 0.6, 0.7])
    put_run(tmp_path / "begun", make_config("bats", {"epochs": 3, "seed": 1}), [0.1])
    (entry,) = compare(read_runs(tmp_path))
    assert len(entry.runs) == 1 and entry.epochs == 3


def test_dead_classes_and_lost_spikes_are_shown_where_there_are_any(tmp_path):
    put_seeds(tmp_path, {}, [0.9])
    assert "Dead classes |" not in write_report([tmp_path], tmp_path / "out").with_suffix(".md").read_text()
    put_seeds(tmp_path, {"bins": 30}, [0.8], test_dead_classes=2, train_lost_spikes=7)
    text = write_report([tmp_path], tmp_path / "out").with_suffix(".md").read_text()
    assert "| Dead classes | Lost spikes |" in text
    assert "| 1.0% | 2 | 7 |" in text


def test_of_several_seeds_the_report_tells_how_many_have_dead_classes(tmp_path):
    put_seeds(tmp_path, {}, [0.9, 0.9], test_dead_classes=0)
    put_seeds(tmp_path, {"bins": 30}, [0.9, 0.8], test_dead_classes=1)
    text = write_report([tmp_path], tmp_path / "out").with_suffix(".md").read_text()
    assert "in 0 of 2 runs" in text and "in 2 of 2 runs" in text


def test_exact_time_is_one_network_however_a_step_would_be_taken(tmp_path):
    put_seeds(tmp_path, {}, [0.5])
    put_seeds(tmp_path, {"rule": "detect", "grid_inputs": False}, [0.5])
    put_seeds(tmp_path, {"rule": "detect", "grid_inputs": False, "bins": 30}, [0.4])
    baseline, coarse = compare(read_runs(tmp_path))
    assert len(baseline.runs) == 1
    assert coarse.change.mean == pytest.approx(-0.2)


def test_of_several_undiscretised_runs_the_one_that_is_most_alike_is_the_baseline(tmp_path):
    for reset, accuracy in (("hard", 0.5), ("soft", 0.8)):
        for dt, share in ((1, 1.0), (10, 0.9)):
            config = make_config("slayer", {"epochs": 2, "reset": reset, "dt": dt})
            put_run(tmp_path / f"{reset}{dt}", config, [accuracy * share] * 2)
    changes = {(e.config.reset, e.config.dt): e.change.mean for e in compare(read_runs(tmp_path))}
    assert [changes[reset, 10] for reset in ("hard", "soft")] == pytest.approx([-0.1, -0.1])


def test_pairs_with_a_baseline_in_progress_wait_where_others_are_whole(tmp_path):
    put_run(tmp_path / "base0", make_config("bats", {"epochs": 3}), [0.5, 0.6, 0.7])
    put_run(tmp_path / "base1", make_config("bats", {"epochs": 3, "seed": 1}), [0.5, 0.6])
    for seed in (0, 1):
        put_run(tmp_path / f"coarse{seed}", make_config("bats", {"epochs": 3, "seed": seed, "bins": 30}), [0.4] * 3)
    coarse = compare(read_runs(tmp_path))[1]
    assert [len(run.rows) for run in coarse.runs] == [3, 3]
    assert coarse.change.n == 1 and coarse.change.mean == pytest.approx((0.8 - 1.2) / 1.2)
    assert "| 2, 1 paired |" in write_report([tmp_path], tmp_path / "out").with_suffix(".md").read_text()


def test_pairs_in_progress_are_compared_over_the_same_epochs(tmp_path):
    for seed, epochs in ((0, 2), (1, 3)):
        for bins in (None, 30):
            config = make_config("bats", {"epochs": 4, "seed": seed, "bins": bins})
            put_run(tmp_path / f"{seed}-{bins}", config, ([0.5, 0.5, 0.9] if bins is None else [0.4] * 3)[:epochs])
    assert compare(read_runs(tmp_path))[1].change.margin == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("mean", "margin", "text"),
    [
        (-0.0002, 0.0011, "\N{MINUS SIGN}0.02 \N{PLUS-MINUS SIGN} 0.11%"),
        (-0.0002, 0.004, "0.0 \N{PLUS-MINUS SIGN} 0.4%"),
        (0.0123, 0.004, "+1.2 \N{PLUS-MINUS SIGN} 0.4%"),
        (-0.0002, math.nan, "0.0%"),
        (-0.1, math.nan, "\N{MINUS SIGN}10.0%"),
    ],
)
def test_a_change_has_the_digits_of_its_interval_and_zero_no_sign(mean, margin, text):
    assert spread(Estimate(mean=mean, margin=margin, n=3), signed=True) == text
