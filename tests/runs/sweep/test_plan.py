"""From a sweep file to runs: products, baselines, each run once, names."""

import re
from pathlib import Path

import pytest

from runs.config import ConfigError
from runs.sweep import load_sweep
from runs.sweep.listing import list_runs


def planned(text, **options):
    return load_sweep(f'name = "a"\n{text}', **options).runs


def test_runs_are_the_product_of_the_grids_after_their_baselines():
    runs = planned('[[experiment]]\nname = "one"\nmodel = "bats"\ngrid = {seed = [0, 1], bins = [30, 15]}')
    assert [(run.config.seed, run.config.bins) for run in runs] == [
        (0, None), (0, 30), (0, 15), (1, None), (1, 30), (1, 15),
    ]  # fmt: skip
    assert all(run.experiments == ("one",) and run.experiment == "one" for run in runs)


def test_without_baselines_there_is_the_product_alone():
    runs = planned('[[experiment]]\nname = "one"\nmodel = "bats"\nbaseline = false\ngrid.bins = [30, 15]')
    assert [run.config.bins for run in runs] == [30, 15]


def test_a_baseline_has_none_of_what_describes_a_step():
    runs = planned(
        '[[experiment]]\nname = "one"\nmodel = "bats"\n'
        'settings = {rule = "published", published_pixels = true, grid_inputs = false}\ngrid.dt = [0.01]'
    )
    baseline, gridded = (run.config for run in runs)
    assert baseline.is_baseline() and baseline.rule == "snap" and not baseline.published_pixels
    assert gridded.rule == "published" and gridded.published_pixels


def test_experiments_share_a_baseline_and_other_runs_that_are_the_same():
    runs = planned(
        '[[experiment]]\nname = "snap"\nmodel = "bats"\nsettings = {epochs = 2}\ngrid.bins = [30]\n'
        '[[experiment]]\nname = "detect"\nmodel = "bats"\nsettings = {rule = "detect", epochs = 3}\ngrid.bins = [30]\n'
        '[[experiment]]\nname = "again"\nmodel = "bats"\ngrid.dt = [0.01]'
    )
    assert [(run.experiments, run.config.epochs) for run in runs] == [
        (("snap", "detect", "again"), 15),  # the longest of them
        (("snap", "again"), 15),
        (("detect",), 3),
    ]


def test_an_undiscretised_run_of_a_grid_is_the_baseline():
    runs = planned('[[experiment]]\nname = "a"\nmodel = "slayer"\nsettings.scheme = "bilinear"\ngrid.dt = [1, 2]')
    assert [(run.config.dt, run.config.scheme) for run in runs] == [(1, "exponential"), (2, "bilinear")]


def test_directories_tell_the_run_and_are_its_own():
    runs = planned('[[experiment]]\nname = "a"\nmodel = "bats"\ngrid = {bins = [30], learning_rate = [0.1, 0.2]}')
    assert len({run.directory for run in runs}) == 4
    assert all(re.fullmatch(r"bats-(undiscretised|dt0.01-snap)-seed0-[0-9a-f]{8}", run.directory) for run in runs)


def test_the_data_folder_is_the_users_and_may_differ_by_data_set(tmp_path):
    text = '[[experiment]]\nname = "{0}"\nmodel = "{0}"\n'
    both = text.format("bats") + text.format("slayer")
    for name in ("m", "n"):
        (tmp_path / name).mkdir()
    assert [run.config.data for run in planned(both)] == [None, None]
    assert [run.config.data for run in planned(both, data=tmp_path)] == [tmp_path, tmp_path]
    by_name = {"mnist": tmp_path / "m", "nmnist": tmp_path / "n"}
    assert [run.config.data for run in planned(both, data=by_name)] == [tmp_path / "m", tmp_path / "n"]
    with pytest.raises(ConfigError, match=r"'bats': there is no data folder .*nowhere: pass --data DIR"):
        planned(both, data=tmp_path / "nowhere")


def test_a_path_in_a_file_is_relative_to_the_file(tmp_path):
    (tmp_path / "digits").mkdir()
    file = tmp_path / "a.toml"
    file.write_text('name = "a"\n[[experiment]]\nname = "a"\nmodel = "bats"\nsettings.data = "digits"\n')
    assert load_sweep(file).runs[0].config.data == tmp_path / "digits"


def test_settings_that_contradict_each_other_are_told_with_their_experiment():
    with pytest.raises(ConfigError, match=r"^the sweep, experiment 'one': dt = 0.01 s and bins = 31 contradict"):
        planned('[[experiment]]\nname = "one"\nmodel = "bats"\nsettings.dt = 0.01\ngrid.bins = [31]')


def test_a_clocked_run_has_no_baseline():
    runs = planned('[[experiment]]\nname = "one"\nmodel = "clocked"\ngrid.dt = [0.01, 0.1]')
    assert [run.config.dt for run in runs] == [0.01, 0.1]


def test_title_and_question_are_told_and_the_name_stands_in_for_a_title(tiny):
    sweep = tiny()
    assert (sweep.name, sweep.title, sweep.question) == ("tiny", "A tiny sweep", "Does it end?")
    assert [experiment.name for experiment in sweep.experiments] == ["digits"] and not sweep.quick
    assert load_sweep('name = "b"\n[[experiment]]\nname = "a"\nmodel = "bats"').title == "b"


def test_what_cannot_be_as_it_is_asked_for_is_told_once(console):
    text = '[[experiment]]\nname = "{}"\nmodel = "slayer"\ngrid = {{bins = [75, 37], seed = [0, 1]}}\n'
    sweep = load_sweep('name = "a"\n' + text.format("one") + text.format("two"))
    assert sweep.notes == ("bins = 37 come to 38: the nearest whole step is dt = 8, and 300 steps in bins of 8 are 38",)
    list_runs(sweep, Path("nowhere"), 1, console)
    assert console.text().count("bins = 37 come to 38") == 1
