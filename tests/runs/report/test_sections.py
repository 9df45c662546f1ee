"""Runs are grouped by what may be compared, and named by what tells them apart."""

import json

import pytest

from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.report import write_report
from runs.report.columns import cost_table, section_table
from runs.report.findings import findings
from runs.report.sections import sections
from runs.report.setup import settings, setups
from runs.report.steps import Steps


def sections_of(path):
    return sections(compare(read_runs(path)))


def table_of(section):
    return section_table(section, Steps(section.entries))


def test_runs_that_differ_in_more_than_the_step_have_a_section_each(tmp_path, make):
    for values in ({}, {"loss": "ttfs"}, {"silent_labels": 2.0}, {"silent_labels": 2.0, "bins": 30}):
        make.seeds(tmp_path, values, [0.9])
    parts = {section.title: section for section in sections_of(tmp_path)}
    default = f"{make_config('bats', {}).silent_labels:g}"
    names = [f"BATS on MNIST, remedy for silent labels {value}" for value in ("2", default)]
    assert set(parts) == {*names, "BATS on MNIST, first spikes"}
    first, other, ttfs = (parts[name] for name in (*names, "BATS on MNIST, first spikes"))
    assert [section.key for section in (first, other, ttfs)] == ["bats", "bats-2", "bats-ttfs"]
    assert "loss_tau" in settings(ttfs) and "target_true" not in settings(ttfs)
    assert "target_true" in settings(first) and "loss_tau" not in settings(first)
    assert findings(ttfs) == ["Test accuracy after 2 epochs is 80.0%."]
    assert "Change in CR" not in table_of(ttfs).header and "Change in CR" in table_of(first).header


def test_where_many_settings_differ_titles_tell_those_that_are_not_usual(tmp_path, make):
    for values in ({}, {"hidden": (8,)}, {"halve_every": 2}, {"batch": 7, "tau_mem": 0.1}, {"grow": True}):
        make.seeds(tmp_path, values, [0.9])
    titles = {section.title for section in sections_of(tmp_path)}
    peculiar = {"", ", hidden 8", ", halve every 2", ", batch 7, tau mem 0.1", ", grow"}
    assert titles == {f"BATS on MNIST{text}" for text in peculiar}


def test_what_goes_with_a_rule_is_told_in_the_set_up_and_not_in_every_line(tmp_path, make):
    make.seeds(tmp_path, {}, [0.9])
    make.seeds(tmp_path, {"bins": 30}, [0.9])
    make.seeds(tmp_path, {"bins": 30, "rule": "published", "grid_inputs": False}, [0.9])
    (section,) = sections_of(tmp_path)
    assert [row.cells[0] for row in table_of(section).rows] == ["undiscretised", "10 ms, published", "10 ms, snap"]
    assert settings(section)["grid_inputs"] == "published: no; snap: yes"
    make.seeds(tmp_path, {"bins": 30, "grid_inputs": False}, [0.9])
    (section,) = sections_of(tmp_path)
    assert [row.cells[0] for row in table_of(section).rows][1:] == [
        "10 ms, published, no grid inputs",
        "10 ms, snap, no grid inputs",
        "10 ms, snap, grid inputs",
    ]


def test_a_report_on_undiscretised_runs_alone_speaks_of_no_step(tmp_path, make):
    make.seeds(tmp_path / "runs", {}, [0.9, 0.92])
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert "<h1>Trained networks</h1>" in page and "Convergence against the step" not in page
    assert "81.0% (80.0, 82.0) (mean of 2 seeds)." in page


def test_an_experiment_of_a_sweep_is_a_section_and_may_share_its_baseline(tmp_path, make):
    make.run(tmp_path / "runs" / "exact", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    for name, values in (("a", {}), ("b", {"rule": "detect"})):
        make.run(tmp_path / "runs" / name, make_config("bats", {"epochs": 2, "bins": 30, **values}), [0.4, 0.8])
    make.sweep(tmp_path, {"exact": ["snapped", "seen"], "a": ["snapped"], "b": ["seen"]}, title="T", question="Q?")
    parts = sections_of(tmp_path)
    assert [section.name for section in parts] == ["snapped", "seen"]
    assert [section.title for section in parts] == ["snapped: BATS on MNIST", "seen: BATS on MNIST"]
    assert all(section.reference is not None and len(section.discretised) == 1 for section in parts)
    page = write_report([tmp_path], tmp_path / "out").read_text(encoding="utf-8")
    assert "<h1>T</h1>" in page and "Q?" in page


def test_the_set_up_puts_side_by_side_what_differs_between_experiments(tmp_path, make):
    make.run(tmp_path / "runs" / "a", make_config("bats", {"epochs": 2, "batch": 8}), [0.5, 0.9])
    make.run(tmp_path / "runs" / "b", make_config("bats", {"epochs": 2, "batch": 16}), [0.5, 0.9])
    make.sweep(tmp_path, {"a": ["small"], "b": ["large"]})
    runs = read_runs(tmp_path)
    (setup,) = setups(sections(compare(runs)), {run.path: run.environment for run in runs})
    assert setup.names == ["small", "large"] and ("batch", ["8", "16"]) in setup.rows
    assert ("epochs", "2") in setup.shared and setup.data == "made up (shipped with lava-dt)"


def test_costs_are_told_against_the_baseline_where_runs_have_counted_them(tmp_path, make):
    counted = {"test_neuron_updates": 10.0, "test_simulated_seconds": 0.3, "test_input_spikes": 5.0}
    make.seeds(tmp_path, {}, [0.9])
    (section,) = sections_of(tmp_path)
    assert cost_table(section, Steps(section.entries)) is None
    make.seeds(tmp_path / "more", {"batch": 8}, [0.9], test_synaptic_operations=2000.0, **counted)
    make.seeds(tmp_path / "more", {"batch": 8, "bins": 30}, [0.8], test_synaptic_operations=1000.0, **counted)
    (section,) = sections_of(tmp_path / "more")
    table = cost_table(section, Steps(section.entries))
    assert [row.cells[table.header.index("of baseline")] for row in table.rows] == ["1.00\u00d7", "0.50\u00d7"]
    assert table.rows[1].cells[table.header.index("Synaptic operations")] == "1k"
    assert findings(section)[-1] == (
        "At 30 bins a test sample takes 0.50 times the synaptic operations and 1.00 times the neuron updates of the "
        "undiscretised one."
    )


@pytest.mark.parametrize(
    ("coarse", "sentence"),
    [
        ([0.45, 0.72, 0.81], "The rate falls at 30 bins."),
        ([0.55, 0.88, 0.99], "The rate rises at 30 bins."),
        ([0.45, 0.85, 0.9], "A change is not distinguishable from 0 at 30 bins."),
    ],
)
def test_findings_tell_a_change_from_chance(tmp_path, make, coarse, sentence):
    make.seeds(tmp_path, {}, [0.5, 0.8, 0.9])
    make.seeds(tmp_path, {"bins": 30}, coarse)
    (section,) = sections_of(tmp_path)
    assert findings(section)[1] == sentence


def test_the_finest_step_stands_in_for_an_undiscretised_clocked_network(tmp_path, make):
    for dt in (0.001, 0.1):
        make.seeds(tmp_path, {"dt": dt}, [0.9 - dt], model="clocked")
    (section,) = sections_of(tmp_path)
    assert section.reference.config.dt == 0.001
    assert findings(section)[0].startswith("From 1 ms to 100 ms the convergence rate changes by \u221211.0%;")


def test_the_same_networks_on_other_data_are_sections_whose_titles_tell_the_data(tmp_path, make):
    for name, told in (
        ("small", "MNIST, 800 + 200 images, crc32 0a"),
        ("whole", "MNIST, 60000 + 10000 images, crc32 1b"),
    ):
        for bins in (None, 30):
            path = tmp_path / name / str(bins)
            make.run(path, make_config("bats", {"epochs": 2, "bins": bins}), [0.5, 0.9])
            (path / "environment.json").write_text(json.dumps({"data": told}))
    assert sorted(section.title for section in sections_of(tmp_path)) == [
        "BATS on MNIST, 60000 + 10000 images, crc32 1b",
        "BATS on MNIST, 800 + 200 images, crc32 0a",
    ]
    assert all(len(section.entries) == 2 for section in sections_of(tmp_path))
