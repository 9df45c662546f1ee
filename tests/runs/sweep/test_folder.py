"""A sweep's directory: read back as it was planned, continued when changed, not mixed with another."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from runs.config import ConfigError
from runs.directory import RunDirectory, read_config
from runs.sweep import load_sweep, run_sweep
from runs.sweep.folder import place, prepare, read_runs, run_path


def test_runs_are_read_back_as_planned(tmp_path, tiny):
    sweep = tiny()
    assert prepare(sweep, tmp_path) == sweep.runs == read_runs(tmp_path)
    held = json.loads((tmp_path / "sweep.json").read_text())
    assert (held["name"], held["title"], held["question"]) == ("tiny", "A tiny sweep", "Does it end?")
    assert [set(run) for run in held["runs"]] == [{"directory", "experiments", "model", "config"}] * 4


def test_the_sweep_file_that_is_written_plans_the_same_runs(tmp_path):
    text = 'name = "a"\nquick.grid.seed = [0]\n[[experiment]]\nname = "a"\nmodel = "bats"\ngrid.seed = [0, 1]'
    data = tmp_path / "data"
    data.mkdir()
    sweep = load_sweep(text, quick=True, data=data)
    prepare(sweep, tmp_path / "out")
    assert load_sweep(tmp_path / "out" / "sweep.toml").runs == sweep.runs
    assert len(sweep.runs) == 1 and sweep.runs[0].config.data == data


def test_looking_writes_nothing(tmp_path, tiny):
    assert place(tiny(), tmp_path / "out") == tiny().runs
    assert not (tmp_path / "out").exists()


def test_a_changed_sweep_goes_on_in_the_directories_that_are_there(tmp_path, tiny):
    sweep = tiny()
    renamed = dataclasses.replace(sweep.runs[0], directory="by-an-older-version")
    prepare(dataclasses.replace(sweep, runs=(renamed, *sweep.runs[1:3])), tmp_path)
    runs = prepare(tiny(epochs=5), tmp_path)
    assert [run.directory for run in runs] == ["by-an-older-version", *(run.directory for run in sweep.runs[1:])]
    assert {run.config.epochs for run in read_runs(tmp_path)} == {5}


def test_drivers_that_begin_at_once_write_one_sweep(tmp_path, tiny):
    sweep = tiny()
    with ThreadPoolExecutor(4) as drivers:
        for number in range(4):
            out = tmp_path / str(number)
            begun = list(drivers.map(lambda _, out=out: prepare(sweep, out), range(4)))
            assert begun == [sweep.runs] * 4 and read_runs(out) == sweep.runs


def test_another_sweep_another_size_and_longer_runs_are_refused(tmp_path, tiny, tiny_text):
    prepare(tiny(), tmp_path)
    with pytest.raises(ConfigError, match="holds the full size of the sweep 'tiny': give another --out"):
        prepare(load_sweep("quick.settings.epochs = 1\n" + tiny_text(), quick=True), tmp_path)
    with pytest.raises(ConfigError, match="holds the full size of the sweep 'tiny'"):
        prepare(load_sweep(tiny_text().replace('"tiny"', '"other"')), tmp_path)
    path = run_path(tmp_path, tiny().runs[1])
    path.mkdir(parents=True)
    (path / "done.json").write_text('{"epochs": 3}')
    (path / "metrics.jsonl").write_text("".join(f'{{"epoch": {n}}}\n' for n in (1, 2, 3)))
    with pytest.raises(ConfigError, match="with 3 epochs, more than the 2 asked for: give another --out"):
        prepare(tiny(epochs=2), tmp_path)


def test_what_is_no_sweep_is_told(tmp_path, tiny):
    with pytest.raises(ConfigError, match=r"sweep.json cannot be read \(No such file"):
        read_runs(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ConfigError, match="is not valid JSON"):
        read_runs(tmp_path)
    (tmp_path / "sweep.json").write_text('{"format": 2}')
    with pytest.raises(ConfigError, match="is not of format 1"):
        read_runs(tmp_path)
    for damaged in ({}, {"name": "tiny", "quick": False, "runs": None}, {"name": "a", "quick": False, "runs": [{}]}):
        (tmp_path / "sweep.json").write_text(json.dumps({"format": 1, **damaged}))
        for look in (read_runs, lambda out: prepare(tiny(), out)):
            with pytest.raises(ConfigError, match=r"sweep.json is damaged: it lacks what a sweep has; remove it"):
                look(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, but a sweep needs a directory"):
        prepare(tiny(), tmp_path / "file")


@pytest.fixture
def folders(tmp_path):
    found = [tmp_path / "here", tmp_path / "there"]
    for folder in found:
        folder.mkdir()
    return found


def test_a_sweep_whose_data_have_moved_finds_what_it_has_trained(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    first = load_sweep(tiny_text(), data=here)
    assert run_sweep(first, out, executor="inline", console=console) == 0
    before = {file: file.stat().st_mtime_ns for file in out.glob("runs/*/metrics.jsonl")}
    moved = load_sweep(tiny_text(), data=there)
    assert [run.directory for run in place(moved, out)] == [run.directory for run in first.runs]
    assert run_sweep(moved, out, executor="inline", console=console) == 0
    assert before == {file: file.stat().st_mtime_ns for file in out.glob("runs/*/metrics.jsonl")}
    assert {run.config.data for run in read_runs(out)} == {there}
    assert run_sweep(load_sweep(tiny_text(5), data=here), out, executor="inline", console=console) == 0
    assert before.keys() == set(out.glob("runs/*/metrics.jsonl"))  # and they go on there, too


def test_a_sweep_on_other_data_is_trained_on_them(tmp_path, tiny_text, stand_in, folders, console, monkeypatch):
    out, (here, there) = tmp_path / "out", folders
    assert run_sweep(load_sweep(tiny_text(), data=here), out, executor="inline", console=console) == 0
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    other = load_sweep(tiny_text(), data=there)
    assert not {run.directory for run in place(other, out)} & {path.name for path in out.glob("runs/*")}
    monkeypatch.setattr("runs.training.loop.make_learner", lambda config: int("unreadable"))
    assert place(other, out) == other.runs


def test_data_that_have_not_moved_are_not_read(tmp_path, tiny_text, stand_in, folders, console, monkeypatch):
    sweep, out = load_sweep(tiny_text(), data=folders[0]), tmp_path / "out"
    assert run_sweep(sweep, out, executor="inline", console=console) == 0
    monkeypatch.setattr("runs.training.loop.make_learner", None)
    assert place(sweep, out) == sweep.runs
    more = load_sweep(tiny_text().replace("seed = [0, 1]", "seed = [0, 1, 2]"), data=folders[1])
    begun = [run for run in more.runs if run.config.seed == 2]
    assert len(begun) == 2 and prepare(dataclasses.replace(more, runs=tuple(begun)), out) == tuple(begun)


def test_the_data_of_runs_that_share_them_are_read_once(tmp_path, tiny_text, stand_in, folders, console, monkeypatch):
    out, (here, there) = tmp_path / "out", folders
    assert run_sweep(load_sweep(tiny_text(), data=here), out, executor="inline", console=console) == 0
    asked = []
    monkeypatch.setattr("runs.training.loop.make_learner", lambda config: (asked.append(config), stand_in(config))[1])
    assert len(place(load_sweep(tiny_text(), data=there), out)) == 4
    assert len(asked) == 1


def run(text, data, out, console):
    sweep = load_sweep(text, data=data)
    assert run_sweep(sweep, out, executor="inline", console=console) == 0
    return {run.directory for run in read_runs(out)}


def test_other_data_where_moved_ones_lay_do_not_get_their_runs(
    tmp_path, tiny_text, stand_in, folders, console, monkeypatch
):
    out, (here, there) = tmp_path / "out", folders
    first = run(tiny_text(), here, out, console)
    assert run(tiny_text(), there, out, console) == first
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    other = run(tiny_text(), here, out, console)
    assert not other & first and len(other) == 4
    assert {RunDirectory(out / "runs" / name).data_name() for name in other} == {"eleven numbers"}
    trained = {file: file.stat().st_mtime_ns for file in out.glob("runs/*/metrics.jsonl")}
    monkeypatch.setattr("runs.training.loop.make_learner", None)  # both are known again, and nothing is read
    assert run(tiny_text(), there, out, console) == first
    assert run(tiny_text(), here, out, console) == other
    assert trained == {file: file.stat().st_mtime_ns for file in out.glob("runs/*/metrics.jsonl")}


def test_one_directory_is_never_that_of_two_runs(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    run(tiny_text(), here, out, console)
    run(tiny_text(), there, out, console)
    both = f'{tiny_text()}data = ["{here}", "{there}"]\n'
    assert len(run(both, None, out, console)) == 8


def test_data_that_have_moved_are_found_without_the_sweeps_file(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    first = run(tiny_text(), here, out, console)
    (out / "sweep.json").unlink()
    assert run(tiny_text(), there, out, console) == first == {path.name for path in out.glob("runs/*")}


def test_a_run_says_where_its_data_lie_now(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    first = run(tiny_text(), here, out, console)
    here.rmdir()
    run(tiny_text(), there, out, console)
    assert {read_config(out / "runs" / name).data for name in first} == {there}


def test_a_damaged_configuration_among_moved_runs_fails_alone(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    name = sorted(run(tiny_text(), here, out, console))[0]
    (out / "runs" / name / "config.json").write_text("{")
    (out / "sweep.json").unlink()
    sweep = load_sweep(tiny_text(), data=there)
    assert len({planned.directory for planned in prepare(sweep, out)}) == 4


def test_several_drivers_find_moved_runs_alike(tmp_path, tiny_text, stand_in, folders, console):
    out, (here, there) = tmp_path / "out", folders
    first = run(tiny_text(), here, out, console)
    moved = load_sweep(tiny_text(), data=there)
    with ThreadPoolExecutor(4) as drivers:
        for found in drivers.map(lambda _: prepare(moved, out), range(8)):
            assert {run.directory for run in found} == first
