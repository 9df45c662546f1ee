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
    assert verdict(Estimate(mean=mean, margin=margin, n=2), -0.0605) == ""  # which would hold nearly any number


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
    assert summary(table) == (
        "BATS: of the changes that the thesis prints, the 95% intervals measured here hold 0 of 2 (BATS). Not as in "
        "the thesis (BATS): epochs 2, not 15; remedy for silent labels 0.1, not 0."
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
    assert summary(table).startswith("BATS: there is no interval yet that the thesis's changes could be judged by. ")
    assert details(table) == [
        "BATS: the sign of the change is the printed one at 1 of 2 steps; with fewer than 3 seeds there is no interval "
        "to judge by."
    ]


def test_a_change_of_nothing_has_no_sign(tmp_path, make):
    for bins, accuracy in ((None, 0.8), (150, 0.8002), (30, 0.7)):
        make.seeds(tmp_path, {"bins": bins}, [accuracy])
    (table,) = table_of(tmp_path)
    assert "the printed one at 1 of 2 steps" in details(table)[0]


def test_runs_in_progress_are_not_judged_yet(tmp_path, make):
    for seed in range(3):
        for bins, accuracies in ((None, [0.5, 0.8, 0.9]), (150, [0.5, 0.8, 0.9]), (30, [0.4, 0.6])):
            config = make_config("bats", {"epochs": 3, "bins": bins, "seed": seed})
            make.run(tmp_path / f"{bins}-{seed}", config, [value + 0.01 * seed for value in accuracies])
    (table,) = table_of(tmp_path)
    assert "hold 0 of 1 (BATS)" in summary(table)
    assert "2 of 3 epochs" in write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")


def steps_of(path, make, model, **values):
    for name, bins in (("exact", None), ("fine", 150), ("odd", 37)):
        config = make_config(model, {"bins": bins, **values})
        make.run(path / name, config, [0.5] * config.epochs)


def test_what_the_thesis_did_otherwise_is_named_and_nothing_where_all_is_alike(tmp_path, make):
    steps_of(tmp_path / "alike", make, "bats", epochs=15, learning_rate=1e-3, silent_labels=0.0)
    (table,) = table_of(tmp_path / "alike")
    assert summary(table) == "BATS: there is no interval yet that the thesis's changes could be judged by."
    for name in ("exact", "fine", "odd"):
        (tmp_path / "alike" / name / "environment.json").write_text('{"data": "MNIST, 800 + 200 images, crc32 0"}')
    (table,) = table_of(tmp_path / "alike")
    assert summary(table).endswith("Not as in the thesis (BATS): 800 training samples, not 60,000.")
    steps_of(tmp_path / "small", make, "slayer", epochs=2, hidden=(64,), dataset="mnist", batch=50, threshold=1.0)
    (table,) = table_of(tmp_path / "small")
    assert summary(table).endswith(
        "Not as in the thesis (SLAYER MNIST): dataset mnist, not nmnist; epochs 2, not 15; batch 50, not 32; 3 "
        "settings more."
    )


def test_bins_that_are_not_the_printed_ones_are_told_once(tmp_path, make):
    steps_of(tmp_path, make, "slayer", epochs=2)
    steps_of(tmp_path / "held", make, "slayer", epochs=2, clock="held")
    (table,) = table_of(tmp_path)
    assert [text for text in details(table) if "37" in text] == [
        "Bins = 37 come to 38: the nearest whole step is dt = 8, and 300 steps in bins of 8 are 38."
    ]
