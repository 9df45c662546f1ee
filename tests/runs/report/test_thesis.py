"""The thesis's Table 3 stands beside the runs that answer to it."""

import pytest

from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.estimate import Estimate
from runs.report import write_report
from runs.report.sections import sections
from runs.report.thesis import PUBLISHED, details, published_bins, summary, table3, verdict


def test_the_printed_numbers_are_those_of_the_thesis():
    assert PUBLISHED["slayer"] == {150: -0.0067, 75: -0.0860, 50: -0.1924, 37: -0.7071, 30: -0.8970}
    assert PUBLISHED["bats"] == {150: 0.4386, 75: 0.1477, 50: -0.0027, 37: -0.0041, 30: -0.0605}


@pytest.mark.parametrize(
    ("model", "bins", "printed"), [("slayer", 37, 37), ("bats", 37, 37), ("bats", 150, 150), ("bats", 100, None)]
)
def test_a_step_answers_to_the_printed_one_that_is_nearly_its_own(tmp_path, make, model, bins, printed):
    make.run(tmp_path / "run", make_config(model, {"epochs": 2, "bins": bins}), [0.5, 0.9])
    (entry,) = compare(read_runs(tmp_path))
    assert published_bins(entry) == printed


@pytest.mark.parametrize(
    ("mean", "margin", "word"),
    [(-0.08, 0.03, "within"), (-0.01, 0.03, "apart"), (-0.0605, float("nan"), "")],
)
def test_a_printed_number_is_judged_by_the_interval_alone(mean, margin, word):
    assert verdict(Estimate(mean=mean, margin=margin, n=3), -0.0605) == word


def table_of(path):
    parts = sections(compare(read_runs(path)))
    return table3([(section.name, section.discretised) for section in parts])


def test_a_model_has_a_table_where_two_of_the_steps_have_been_run(tmp_path, make):
    make.seeds(tmp_path, {}, [0.5, 0.8, 0.9])
    make.seeds(tmp_path, {"bins": 30}, [0.47, 0.752, 0.846])  # 6 % below each baseline
    assert table_of(tmp_path) == []
    make.seeds(tmp_path, {"bins": 150}, [0.5, 0.8, 0.9])
    (table,) = table_of(tmp_path)
    assert table.model == "bats" and set(table.columns[0].entries) == {150, 30}
    assert (
        summary(table)
        == "BATS: of the changes that the thesis prints, the 95% intervals measured here hold 0 of 2 (BATS)."
    )
    assert details(table) == [
        "BATS: of 2 printed changes 0 lie within the interval; farthest apart are 150 bins, +43.9% printed and "
        "0.00 \u00b1 0.00% here."
    ]
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert page.count("<small>apart</small>") == 2 and "+43.86%" in page
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| 30 | \u22126.05% | \u22126.00 \u00b1 0.00% (apart) |" in text and "| 75 | +14.77% | \u2013 |" in text


def test_with_one_seed_signs_alone_are_compared(tmp_path, make):
    for bins, accuracy in ((None, 0.8), (150, 0.7), (30, 0.7)):
        make.seeds(tmp_path, {"bins": bins}, [accuracy])
    (table,) = table_of(tmp_path)
    assert summary(table) == "BATS: there is no interval yet that the thesis's changes could be judged by."
    assert details(table) == [
        "BATS: the sign of the change is the printed one at 1 of 2 steps; with one seed there is no interval to judge "
        "by."
    ]


def test_runs_in_progress_are_not_judged_yet(tmp_path, make):
    for seed in range(2):
        for bins, accuracies in ((None, [0.5, 0.8, 0.9]), (150, [0.5, 0.8, 0.9]), (30, [0.4, 0.6])):
            config = make_config("bats", {"epochs": 3, "bins": bins, "seed": seed})
            make.run(tmp_path / f"{bins}-{seed}", config, [value + 0.01 * seed for value in accuracies])
    (table,) = table_of(tmp_path)
    assert "hold 0 of 1 (BATS)" in summary(table)
    assert "2 of 3 epochs" in write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
