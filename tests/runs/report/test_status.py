"""A report tells which runs of a sweep are missing, and why."""

import json

import pytest

from runs.comparison import read_runs
from runs.config import ConfigError, make_config
from runs.report import write_report
from runs.report.status import read_status


def put_sweep(path, make):
    names = ("whole", "begun", "failed", "waiting")
    make.run(path / "runs" / "whole", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    make.run(path / "runs" / "begun", make_config("bats", {"epochs": 3, "bins": 30}), [0.5])
    (path / "runs" / "begun" / "progress.json").write_text('{"epoch": 2, "seen": 30, "total": 120, "time": 0}')
    make.run(path / "runs" / "failed", make_config("bats", {"epochs": 3, "bins": 75}), [0.5, 0.6])
    failure = {"attempts": 3, "type": "OSError", "sentence": "the disk <is> full", "traceback": "here", "retry": True}
    (path / "runs" / "failed" / "failed.json").write_text(json.dumps(failure))
    make.sweep(path, {name: ["one"] for name in names}, title="A sweep", question="What is there?")
    (path / "sweep.toml").write_text("")


def test_runs_are_counted_by_what_became_of_them(tmp_path, make):
    put_sweep(tmp_path, make)
    status = read_status([tmp_path], read_runs(tmp_path))
    assert status.sentence() == "1 of 4 runs is finished, 1 failed, 1 in progress, 1 not begun."
    (failed,), (begun,), (waiting,) = status.failed, status.begun, status.waiting
    assert failed.text == "OSError: the disk <is> full (2 epochs done, attempt 3, to be tried again)"
    assert begun.text == "1 of 3 epochs, 25% of the next; last heard of 1970-01-01 00:00 UTC"
    assert (failed.details, waiting.name) == ("here", "waiting")


def test_the_report_lists_what_is_missing_and_repeats_the_sweep(tmp_path, make):
    put_sweep(tmp_path, make)
    page = write_report([tmp_path], tmp_path).read_text(encoding="utf-8")
    for text in ("Runs that are not finished", "the disk &lt;is&gt; full", "<h1>A sweep</h1>", "What is there?"):
        assert text in page
    assert f"lava-dt sweep {tmp_path / 'sweep.toml'} --out {tmp_path}" in page
    assert "* `failed`: OSError: the disk <is> full" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_damaged_or_empty_sweep_file_is_no_sweep(tmp_path, make):
    make.run(tmp_path / "runs" / "whole", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    (tmp_path / "sweep.json").write_text("{")
    status = read_status([tmp_path], read_runs(tmp_path))
    assert status.complete and status.title == "" and status.planned == 1


def test_loose_runs_are_complete_when_each_has_its_epochs(tmp_path, make):
    make.run(tmp_path / "whole", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    runs = read_runs(tmp_path)
    assert read_status([tmp_path], runs).complete
    make.run(tmp_path / "begun", make_config("bats", {"epochs": 2, "seed": 1}), [])
    assert [line.text for line in read_status([tmp_path], read_runs(tmp_path)).begun] == ["0 epochs"]


@pytest.mark.parametrize(
    "text", ['{"format": 1, "mod', '{"format": 1, "model": "bats", "sead": 1}', '{"format": 2}', "[]"]
)
def test_a_run_that_cannot_be_read_is_listed_with_its_path_and_the_rest_reported(tmp_path, make, text):
    put_sweep(tmp_path, make)
    file = tmp_path / "runs" / "begun" / "config.json"
    file.write_text(text)
    write_report([tmp_path], tmp_path)
    told = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "1 of 4 runs is finished, 1 failed, 1 not begun, 1 unreadable." in told
    (line,) = told.partition("### Unreadable\n\n")[2].splitlines()[:1]
    assert line.startswith("* `begun`: ") and str(file) in line


def test_where_no_run_can_be_read_that_is_said(tmp_path, make):
    make.run(tmp_path / "run", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    (tmp_path / "run" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"none of the runs can be read; the first: .*run/config.json is not valid"):
        write_report([tmp_path], tmp_path)
