"""Run directories with made-up metrics, written by the same hand that training writes with."""

import json

import pytest

from runs.checkpoints import Checkpoint
from runs.config import make_config
from runs.directory import RunDirectory


@pytest.fixture
def put_run():
    """Writes a run: model, settings, an accuracy an epoch (test accuracy is 0.1 less), further metrics."""

    def put(path, model, values, accuracies, arrays=None, **more):
        config = make_config(model, {"epochs": len(accuracies), **values})
        directory, rows = RunDirectory(path), []
        with directory.open(config):
            directory.note_environment({"python": "3.11.7", "packages": {"numpy": "2.0"}, "data": "made up"})
            for epoch, accuracy in enumerate(accuracies, start=1):
                row = {"epoch": epoch, "train_accuracy": accuracy, "train_loss": 1.0, "seconds": 0.5}
                row.update(test_accuracy=accuracy - 0.1, test_silent_labels=0.01, **more)
                rows.append(row)
            directory.save(Checkpoint(epoch=len(rows), data="made up", arrays=arrays or {}, rows=rows))
            (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            if len(rows) == config.epochs:
                directory.finish(config.epochs)
        return config

    return put


@pytest.fixture
def put_sweep(put_run):
    """Writes a sweep of runs: each (name, experiments, model, settings, accuracies)."""

    def put(out, runs):
        planned = []
        for name, experiments, model, values, accuracies in runs:
            put_run(out / "runs" / name, model, values, accuracies)
            planned.append({"directory": name, "experiments": experiments, "model": model})
        (out / "sweep.json").write_text(json.dumps({"format": 1, "name": out.name, "title": "", "runs": planned}))

    return put
