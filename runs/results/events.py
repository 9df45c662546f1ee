"""Runs as TensorBoard shows them: one event file a run, written from its directory after the fact."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from runs.config import ConfigError
from runs.results.reading import Run, read_runs

_NAME = "events.out.tfevents.0.lava-dt"


def write_events(paths: Sequence[Path], out: Path) -> int:
    """Writes every metric of the runs at or below `paths` by epoch, for `tensorboard --logdir OUT`; how many runs.

    A run's file lies in `out` where its directory lies in what all runs have in common, and replaces one that was
    written before. Metrics are grouped by what is measured: accuracy/train, accuracy/test, ... An epoch's time is when
    it ended, reckoned back from the last one's.

    Raises:
        ConfigError: there is no run with a finished epoch.
        ImportError: tensorboard is missing.
    """
    runs = read_runs(*paths)
    if not runs:
        raise ConfigError(f"no run with a finished epoch in {', '.join(map(str, paths))}: train one first")
    common = Path(os.path.commonpath([run.path.resolve().parent for run in runs]))
    for run in runs:
        folder = out / run.path.resolve().relative_to(common)
        folder.mkdir(parents=True, exist_ok=True)
        _write(run, folder / _NAME)
    return len(runs)


def _write(run: Run, file: Path) -> None:
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise ImportError('TensorBoard files need tensorboard: pip install "lava-dt[tensorboard]"') from None
    ended = (run.path / "metrics.jsonl").stat().st_mtime
    times = [ended - math.fsum(run.series("seconds")[epoch:]) for epoch in range(1, len(run.rows) + 1)]
    part = file.with_name("part")  # a name that TensorBoard does not read
    with part.open("wb") as stream:
        writer = RecordWriter(stream)
        writer.write(Event(wall_time=times[0], file_version="brain.Event:2").SerializeToString())
        for row, time in zip(run.rows, times, strict=True):
            values = [
                Summary.Value(tag=_tag(name), simple_value=value) for name, value in row.items() if name != "epoch"
            ]
            event = Event(wall_time=time, step=row["epoch"], summary=Summary(value=values))
            writer.write(event.SerializeToString())
        writer.flush()
    os.replace(part, file)


def _tag(name: str) -> str:
    """train_accuracy: accuracy/train, so that both curves stand side by side."""
    split, _, metric = name.partition("_")
    return f"{metric}/{split}" if metric and split in ("train", "test") else name
