"""A run directory: continued bit for bit, repaired where it is damaged, never overwritten by another run."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from runs.config import ConfigError, make_config
from runs.directory import RunDirectory, read_config, read_environment, read_rows
from runs.training import train


def config(**values):
    return make_config("bats", {"epochs": 5, **values})


@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_a_stopped_run_continues_to_the_same_result(tmp_path, stand_in, watcher, outcome, stop):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "stopped", watcher(stop=stop))
    again = watcher()
    train(config(), tmp_path / "stopped", again)
    assert again.started == [stop - 1]
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "undisturbed")


def test_a_finished_run_is_not_computed_again(tmp_path, stand_in, watcher):
    first = train(config(), tmp_path, watcher())
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.name != ".lock"}
    again = watcher()
    assert train(config(), tmp_path, again) == first
    assert again.epochs == [] and again.started == []
    assert before == {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.name != ".lock"}


def test_a_longer_run_continues_a_shorter_one(tmp_path, stand_in, watcher, outcome):
    train(config(epochs=2), tmp_path / "grown", watcher())
    train(config(epochs=5), tmp_path / "grown", watcher())
    train(config(epochs=5), tmp_path / "at once", watcher())
    assert outcome(tmp_path / "grown") == outcome(tmp_path / "at once")


def test_a_shorter_run_than_the_one_held_is_refused(tmp_path, stand_in, watcher):
    train(config(epochs=3), tmp_path, watcher())
    with pytest.raises(
        ConfigError, match="holds this run with 3 epochs, more than the 2 asked for: give another --out"
    ):
        train(config(epochs=2), tmp_path, watcher())


def test_a_directory_with_another_configuration_is_refused_and_keeps_everything(tmp_path, stand_in, watcher, outcome):
    train(config(), tmp_path, watcher())
    before = outcome(tmp_path)
    with pytest.raises(ConfigError, match=r"another configuration, seed = 0 \(asked for: 7\): give another --out"):
        train(config(seed=7), tmp_path, watcher())
    assert outcome(tmp_path) == before


def test_a_run_that_ended_before_its_first_epoch_may_be_corrected(tmp_path, stand_in, watcher, outcome):
    with RunDirectory(tmp_path / "corrected").open(config(seed=7)):
        pass
    train(config(), tmp_path / "corrected", watcher())
    train(config(), tmp_path / "at once", watcher())
    assert outcome(tmp_path / "corrected") == outcome(tmp_path / "at once")
    assert read_config(tmp_path / "corrected") == config()


def test_a_directory_with_other_files_is_refused(tmp_path, stand_in, watcher):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds 'thesis.tex' but no run: give --out a directory that is new"):
        train(config(), tmp_path, watcher())
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path, stand_in, watcher):
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="run is a file, but a run needs a directory of its own"):
        train(config(), tmp_path / "run", watcher())


def test_other_data_than_before_are_refused(tmp_path, stand_in, watcher, monkeypatch):
    train(config(epochs=2), tmp_path, watcher())
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    with pytest.raises(ConfigError, match="was trained on ten numbers, but the data are now eleven numbers"):
        train(config(), tmp_path, watcher())


def test_a_run_whose_data_have_moved_is_the_same_run(tmp_path, stand_in, watcher, outcome, monkeypatch):
    train(config(epochs=2, data=tmp_path / "here"), tmp_path / "run", watcher())
    again = watcher()
    train(config(epochs=5, data=tmp_path / "there"), tmp_path / "run", again)
    assert again.started == [2]
    train(config(epochs=5), tmp_path / "at once", watcher())
    assert outcome(tmp_path / "run") == outcome(tmp_path / "at once")
    assert read_config(tmp_path / "run").data == tmp_path / "there"
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    with pytest.raises(ConfigError, match=r"another configuration, data = .*there \(asked for: .*elsewhere\)"):
        train(config(epochs=5, data=tmp_path / "elsewhere"), tmp_path / "run", watcher())


def test_what_a_run_noted_before_it_was_corrected_does_not_stay(tmp_path, stand_in, watcher, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(config(data=tmp_path / "here"), tmp_path / "run", watcher(stop=1))
    assert RunDirectory(tmp_path / "run").data_name() == "ten numbers"
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    train(config(data=tmp_path / "there"), tmp_path / "run", watcher())
    assert RunDirectory(tmp_path / "run").data_name() == "eleven numbers"


def test_what_a_run_noted_before_it_started_over_on_other_data_does_not_stay(tmp_path, stand_in, watcher, monkeypatch):
    for stop, damaged in ((1, False), (3, True)):  # before its first epoch; with no whole checkpoint left
        path = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            train(config(), path, watcher(stop=stop))
        for file in path.glob("checkpoint-*") if damaged else ():
            file.write_bytes(b"cut off")
        monkeypatch.setattr(stand_in, "data", "eleven numbers")
        train(config(), path, watcher())
        assert RunDirectory(path).data_name() == "eleven numbers"
        monkeypatch.setattr(stand_in, "data", "ten numbers")


def test_a_run_whose_note_is_damaged_knows_its_data_and_notes_them_again(tmp_path, stand_in, watcher):
    train(config(epochs=2), tmp_path, watcher())
    (tmp_path / "environment.json").write_text("{")
    assert RunDirectory(tmp_path).data_name() == "ten numbers"  # of the checkpoint
    train(config(epochs=3), tmp_path, watcher())
    assert read_environment(tmp_path)["data"] == "ten numbers"


def test_refused_data_leave_no_note(tmp_path, stand_in, watcher, monkeypatch):
    train(config(epochs=2), tmp_path, watcher())
    (tmp_path / "environment.json").unlink()
    monkeypatch.setattr(stand_in, "data", "eleven numbers")
    with pytest.raises(ConfigError, match="was trained on ten numbers"):
        train(config(), tmp_path, watcher())
    assert RunDirectory(tmp_path).data_name() == "ten numbers"


def test_a_run_that_began_between_a_look_and_the_lock_is_not_replaced(tmp_path, stand_in, watcher, monkeypatch):
    look, looked = RunDirectory._check_is_mine, []

    def slow_look(directory, asked):
        found = look(directory, asked)
        if not looked:
            looked.append(True)
            train(config(seed=7), tmp_path, watcher())  # another process's
        return found

    monkeypatch.setattr(RunDirectory, "_check_is_mine", slow_look)
    with pytest.raises(ConfigError, match=r"another configuration, seed = 7 \(asked for: 0\)"):
        train(config(), tmp_path, watcher())
    assert read_config(tmp_path).seed == 7


def test_two_processes_cannot_run_in_one_directory(tmp_path):
    other = RunDirectory(tmp_path).open(config())
    with RunDirectory(tmp_path).open(config()), pytest.raises(RuntimeError, match="another process is running in"):
        other.__enter__()


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_checkpoint_falls_back_to_the_one_before(tmp_path, stand_in, watcher, outcome, kept):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "cut", watcher(stop=4))
    file = tmp_path / "cut" / "checkpoint-00003.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    again = watcher()
    train(config(), tmp_path / "cut", again)
    assert again.started == [2]
    (warning,) = again.warnings
    assert "checkpoint-00003.safetensors is damaged" in warning and "continuing after epoch 2" in warning
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "undisturbed")


def test_a_flipped_bit_in_a_checkpoint_is_noticed(tmp_path, stand_in, watcher, outcome):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "flipped", watcher(stop=4))
    file = tmp_path / "flipped" / "checkpoint-00003.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    again = watcher()
    train(config(), tmp_path / "flipped", again)
    assert again.started == [2] and len(again.warnings) == 1
    assert outcome(tmp_path / "flipped") == outcome(tmp_path / "undisturbed")


def test_without_a_whole_checkpoint_the_run_starts_over_and_says_so(tmp_path, stand_in, watcher, outcome):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "cut", watcher(stop=4))
    for file in (tmp_path / "cut").glob("checkpoint-*"):
        file.write_bytes(b"")
    again = watcher()
    train(config(), tmp_path / "cut", again)
    assert again.started == [0]
    assert len(again.warnings) == 2 and all("starting over" in warning for warning in again.warnings)
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "undisturbed")


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_metrics_line_cut_short_is_put_back(tmp_path, stand_in, watcher, outcome, cut):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "cut", watcher(stop=4))
    file = tmp_path / "cut" / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    train(config(), tmp_path / "cut", watcher())
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "undisturbed")


def test_a_line_of_an_epoch_without_checkpoint_is_taken_back(tmp_path, stand_in, watcher, outcome):
    train(config(), tmp_path / "undisturbed", watcher())
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "ahead", watcher(stop=3))
    with (tmp_path / "ahead" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "train_accuracy": 0.0}\n')
    train(config(), tmp_path / "ahead", watcher())
    assert outcome(tmp_path / "ahead") == outcome(tmp_path / "undisturbed")


def test_a_damaged_configuration_is_told_and_nothing_is_lost(tmp_path, stand_in, watcher):
    train(config(), tmp_path, watcher())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config.json is not valid JSON .* remove its directory to start over"):
        train(config(), tmp_path, watcher())
    assert len(read_rows(tmp_path)) == 5


def test_a_format_of_the_future_is_refused(tmp_path, stand_in, watcher):
    train(config(), tmp_path, watcher())
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "format": 2}))
    with pytest.raises(ConfigError, match="has format 2, but this version of lava-dt reads format 1"):
        train(config(), tmp_path, watcher())


_WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import StandIn, Watcher
from runs.config import make_config
from runs.training import loop

loop.make_learner = StandIn
loop.train(make_config("bats", {"epochs": 150}), Path(sys.argv[1]), Watcher())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_at_random_moments_a_run_ends_as_if_undisturbed(tmp_path, stand_in, watcher, outcome):
    train(config(epochs=150), tmp_path / "undisturbed", watcher())
    generator, path = random.Random(0), tmp_path / "killed"
    here = os.path.dirname(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}
    kills = 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(path), here],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun = len(read_rows(path))
        while process.poll() is None and len(read_rows(path)) <= begun:
            time.sleep(0.01)
        time.sleep(generator.uniform(0.0, 0.15))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, errors = process.communicate()
        assert "Error" not in errors, errors
        if (path / "done.json").exists():
            break
    train(config(epochs=150), path, watcher())
    assert kills >= 1
    assert outcome(path) == outcome(tmp_path / "undisturbed")
