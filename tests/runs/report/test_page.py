"""A page says what it leaves out, and whose each thing is."""

import re

import pytest

from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.report import page, write_report
from runs.report.figures import change_panels
from runs.report.repeat import versions
from runs.report.sections import sections
from runs.report.setup import setups
from runs.report.thesis_settings import differences


@pytest.fixture
def groups(tmp_path, make):
    """Three groups of a baseline and a step, whose baselines lie far apart."""
    for place, loss in enumerate((0.9, 0.6, 0.3)):
        for bins in (None, 30):
            make.seeds(tmp_path / "runs", {"bins": bins, "silent_labels": float(place)}, [loss - 0.1 * bool(bins)])
    return tmp_path / "runs"


def written(path, out):
    file = write_report([path], out, traces=False)
    return file.read_text(encoding="utf-8"), file.with_suffix(".md").read_text(encoding="utf-8")


def test_groups_beyond_the_most_curves_have_tables_alone_and_both_files_say_so(groups, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_CURVES", 4)  # the first group has three, the second begins below four
    told = "Curves are drawn of the first 2 of 3 groups of runs, tables of all"
    for number, text in enumerate(written(groups, tmp_path / "few")):
        assert text.count(told) == 1
        assert len(set(re.findall(r"bats(?:-\d)?-(?:train|test)\.svg", text))) == (4 if number else 0)
    assert len([*(tmp_path / "few").glob("report-bats*-train.svg")]) == 2
    assert "Curves are drawn" not in "".join(written(groups / "0", tmp_path / "one"))


def test_all_groups_have_curves_below_that(groups, tmp_path):
    for text in written(groups, tmp_path / "all"):
        assert "Curves are drawn" not in text
    assert len([*(tmp_path / "all").glob("report-bats*-train.svg")]) == 3


def test_baselines_of_several_groups_have_the_colours_of_their_lines(groups):
    figures = {drawn.key: drawn.svg for drawn in change_panels("bats", sections(compare(read_runs(groups))), None)}
    levels = re.findall(r"stroke-dasharray: [^;]+; [^\"]*stroke: (var\(--\w+\))", figures["rate-bats"])
    names = re.findall(r"fill: (var\(--\w+\))\"[^>]*>exact<", figures["rate-bats"])
    assert sorted(levels) == sorted(names) == ["var(--k0)", "var(--k1)", "var(--k2)"]


def test_set_ups_of_one_title_say_whose_they_are(tmp_path, make):
    make.seeds(tmp_path, {"bins": 30}, [0.9], model="slayer")
    parts = sections(compare(read_runs(tmp_path)))
    assert [one.title for one in setups(parts, {})] == ["SLAYER on N-MNIST"]
    make.seeds(tmp_path, {"bins": 30, "protocol": "published"}, [0.9], model="slayer")
    parts = sections(compare(read_runs(tmp_path)))
    assert {one.title for one in setups(parts, {})} == {f"SLAYER on N-MNIST: {part.name}" for part in parts}


def test_of_many_versions_the_first_few_are_told():
    told = versions({n: {"python": f"3.{n % 5}", "git": {"commit": f"{n:012d}"}} for n in range(9)})
    assert told == [
        ("Python", "3.0; 3.1; 3.2; 3.3; 3.4"),
        ("source", "; ".join([*(f"{n:012d}" for n in range(4)), "5 more"])),
    ]


def test_a_setting_without_a_value_is_told_in_words(tmp_path, make):
    make.run(tmp_path, make_config("bats", {"epochs": 15, "dataset": "nmnist"}), [0.5] * 15)
    (entry,) = compare(read_runs(tmp_path))
    assert "no encoding" in differences([entry])


def test_recordings_that_were_asked_for_and_cannot_be_made_are_told(groups, tmp_path):
    told = "6 networks could not be shown; the first: "
    for traces, times in ((True, 1), (None, 0)):
        file = write_report([groups], tmp_path / "out", traces)
        for one in (file, file.with_suffix(".md")):
            assert one.read_text(encoding="utf-8").count(told) == times
