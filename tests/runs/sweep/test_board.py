"""What a sweep shows while it runs, and before it does."""

import json
import time

import pytest
from rich.console import Console

from runs.sweep.board import Board
from runs.sweep.folder import prepare, run_path
from runs.sweep.listing import list_runs
from runs.sweep.status import note_failure


def write_rows(path, n):
    path.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "epoch": epoch,
            "train_accuracy": 0.5,
            "test_accuracy": 0.25 * epoch,
            "train_loss": 1.0,
            "test_silent_labels": 0.0,
            "seconds": 7.0,
        }
        for epoch in range(1, n + 1)
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def finish(path):
    write_rows(path, 3)
    (path / "done.json").write_text('{"epochs": 3}')


def go_on(path, seen):
    """As a worker elsewhere would."""
    (path / ".lock").write_text("elsewhere 1\n")
    (path / "progress.json").write_text(json.dumps({"epoch": 2, "seen": seen, "total": 100, "time": time.time()}))


@pytest.fixture
def started(tmp_path, tiny):
    """A sweep of four runs: finished, running in its second epoch, failed, waiting."""
    runs = prepare(tiny(), tmp_path / "out")
    paths = [run_path(tmp_path / "out", run) for run in runs]
    finish(paths[0])
    write_rows(paths[1], 1)
    go_on(paths[1], 50)
    note_failure(paths[2], ValueError("too bright"))
    return tmp_path / "out", runs, paths


def test_lines_tell_every_new_epoch_and_the_time_left_where_there_is_no_terminal(started, console):
    out, runs, paths = started
    with Board(out, runs, 2, console):
        write_rows(paths[1], 3)
        note_failure(paths[3], ValueError("too dark"))
    lines = console.text().splitlines()
    assert lines[0].startswith("4 runs, 1 done, 1 failed before; about ") and lines[0].endswith(f"2 workers, in {out}")
    assert [line.partition("  loss")[0] for line in lines[1:3]] == [
        f"1/4  {runs[1].directory}: epoch 2/3  train 50.0%  test 50.0%",
        f"1/4  {runs[1].directory}: epoch 3/3  train 50.0%  test 75.0%",
    ]
    assert lines[3:] == [f"{runs[3].directory} failed: too dark"]


def test_a_terminal_shows_bars_of_the_sweep_and_of_the_runs_in_progress(started, tmp_path):
    out, runs, _ = started
    with (tmp_path / "screen").open("w") as file:
        console = Console(file=file, force_terminal=True, width=160)
        with Board(out, runs, 2, console) as board:
            time.sleep(0.7)
            console.print(board._table())
    shown = (tmp_path / "screen").read_text()
    assert "1 of 4 runs done, 1 running" in shown and "1 failed" in shown
    assert runs[1].directory in shown and "epoch 2/3  test 25.0%" in shown and " left" in shown
    assert runs[0].directory not in shown and "━" in shown


def test_a_plan_lists_configurations_with_their_seeds_and_the_expected_time(started, tiny, console):
    out, _, _ = started
    list_runs(tiny(), out, 2, console)
    text = console.text()
    assert "A tiny sweep" in text and "bats, exact time" in text and "dt 0.01 s (30" in text
    assert "0, 1" in text and "1/2" in text and "0/2" in text and "1 failed" in text
    assert text.splitlines()[-1].startswith("4 runs, 1 done, 1 failed before; about ")
