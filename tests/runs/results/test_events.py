"""TensorBoard's event files, read back by TensorBoard's own reader."""

import pytest

from runs.config import ConfigError
from runs.results.events import write_events

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def test_every_metric_is_there_by_epoch_under_the_name_of_its_run(tmp_path, put_run):
    for name in ("a", "deep/b"):
        put_run(tmp_path / "results" / name, "bats", {"seed": len(name)}, [0.5, 0.75])
    assert write_events([tmp_path / "results"], tmp_path / "board") == 2
    board = read(tmp_path / "board" / "deep" / "b")
    assert set(board.Tags()["scalars"]) >= {"accuracy/train", "accuracy/test", "silent_labels/test", "seconds"}
    scalars = board.Scalars("accuracy/train")
    assert [(scalar.step, scalar.value) for scalar in scalars] == [(1, 0.5), (2, 0.75)]
    assert scalars[1].wall_time - scalars[0].wall_time == pytest.approx(0.5, abs=1e-3)  # an epoch's seconds


def test_files_written_again_are_replaced(tmp_path, put_run):
    put_run(tmp_path / "results", "bats", {}, [0.5])
    for _ in range(2):
        write_events([tmp_path / "results"], tmp_path / "board")
    assert len([file for file in tmp_path.joinpath("board").rglob("*") if file.is_file()]) == 1


def test_without_runs_there_is_nothing_to_write(tmp_path):
    with pytest.raises(ConfigError, match="no run with a finished epoch in "):
        write_events([tmp_path], tmp_path / "board")
