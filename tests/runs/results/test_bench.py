"""Made-up directories are as training leaves them, and the measurement tells what it timed."""

import json
import time
from subprocess import CompletedProcess

import pytest
from rich.console import Console as RichConsole

from runs.bench.directories import run
from runs.bench.directories.options import ResultsBench
from runs.bench.directories.synthetic import make_directories
from runs.comparison import compare, read_runs
from runs.config import ConfigError
from runs.console import Console
from runs.results.tables import Tables


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "sweep"
    make_directories(path, 336, epochs=4)  # 320 configurations, some with two seeds
    return path


def test_made_up_runs_are_whole_and_all_different(made):
    runs = read_runs(made)
    assert len({(run.settings, run.config.seed) for run in runs}) == len(runs) == 336
    assert all(run.finished for run in runs)


def test_made_up_runs_are_compared_as_trained_ones(made):
    entries = compare(read_runs(made))
    assert {entry.experiment for entry in entries} == {"events", "surrogate"}
    changes = {(e.config.model, e.config.bins): e.change.mean for e in entries if e.config.learning_rate == 1e-3}
    assert changes["bats", 30] < changes["bats", 150] < 0.0


def test_reading_and_comparing_take_a_millisecond_or_two_a_run(made):
    # 10,000 runs are to be reported in 10 s; CPU time, since the machine may be busy, with room for a slow one
    began = time.process_time()
    for entry in compare(read_runs(made)):
        assert entry.change.n == len(entry.runs)
    reading = time.process_time() - began
    began = time.process_time()
    with Tables([made]) as tables:
        assert tables.query("SELECT count(*) FROM epochs").rows == [(1344,)]
    assert reading / 336 < 2e-3
    assert (time.process_time() - began) / 336 < 5e-3  # DuckDB's own start is in it


def test_the_measurement_is_shown_and_kept(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "_timed", lambda arguments: asked.append(arguments) or (2.0, 1.5))
    assert run.run_results(ResultsBench(runs=3, epochs=1, repeats=2, out=tmp_path / "out")) == 0
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert kept["times"]["report"] == {"wall": [2.0, 2.0], "cpu": [1.5, 1.5]} and kept["options"]["runs"] == 3
    assert "| report | 2.0 | 1.5 |" in (tmp_path / "out" / "results.md").read_text()
    assert len(asked) == 3 * len(kept["times"])
    with pytest.raises(ConfigError, match=r"holds 'results.json' already"):
        run.run_results(ResultsBench(runs=3, out=tmp_path / "out"))


def test_a_command_that_fails_is_told(monkeypatch):
    failed = CompletedProcess([], returncode=2, stdout="", stderr="error: the query failed\n")
    monkeypatch.setattr(run.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(RuntimeError, match=r"lava-dt query 'SELECT 1' there failed: error: the query failed"):
        run.time_commands({"query": ["query", "SELECT 1", "there"]}, 1, Console(out=RichConsole(quiet=True)))
