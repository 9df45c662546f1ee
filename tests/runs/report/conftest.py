"""Run directories as training leaves them, with made-up numbers."""

import json

import pytest

from runs.checkpoints import Checkpoint
from runs.config import make_config
from runs.directory import RunDirectory


def put_run(path, config, accuracies, arrays=None, **more):
    directory, rows = RunDirectory(path), []
    with directory.open(config):
        directory.note_environment({"python": "3.11", "packages": {}, "data": "made up"})
        for epoch, accuracy in enumerate(accuracies, start=1):
            row = {"epoch": epoch, "train_accuracy": accuracy, "train_loss": 1.0, "seconds": 0.5}
            row.update(test_accuracy=accuracy - 0.1, test_silent_labels=0.01, test_spikes_hidden1=1.5, **more)
            rows.append(row)
            directory.save(Checkpoint(epoch=epoch, data="made up", arrays=arrays or {}, rows=rows))
        if len(accuracies) == config.epochs:
            directory.finish(config.epochs)


def put_seeds(path, values, accuracies, model="bats", **row):
    for seed, accuracy in enumerate(accuracies):
        config = make_config(model, {"epochs": 2, "seed": seed, **values})
        path.mkdir(parents=True, exist_ok=True)
        put_run(path / f"{len(list(path.iterdir()))}", config, [accuracy, accuracy], **row)


def put_sweep(path, experiments, **more):
    """experiments: by name of a run's directory."""
    runs = [{"directory": name, "experiments": list(names), "model": "bats"} for name, names in experiments.items()]
    (path / "sweep.json").write_text(json.dumps({"format": 1, "name": "made-up", "runs": runs, **more}))


@pytest.fixture
def make():
    """The functions above, by their names."""

    class Make:
        run, seeds, sweep = staticmethod(put_run), staticmethod(put_seeds), staticmethod(put_sweep)

    return Make
