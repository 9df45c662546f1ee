"""A stand-in for a network, and watchers that stop a run."""

import json

import numpy as np
import pytest

from runs.training import loop


class StandIn:
    """Learns nothing, but what it holds depends on every epoch before, as a network's weights do."""

    data = "ten numbers"

    def __init__(self, config):
        self.seed = config.seed
        self.weights = np.random.default_rng([config.seed, 0]).normal(size=1000)

    def data_name(self):
        return self.data

    def train_epoch(self, epoch, watcher):
        order = np.random.default_rng([self.seed, epoch]).permutation(1000)
        self.weights = np.sin(self.weights[order] + epoch)
        watcher.tick(1, 1)
        return {"train_accuracy": float(abs(self.weights[0])), "train_loss": 1.0}

    def test(self):
        return {"test_accuracy": float(abs(self.weights[1])), "test_silent_labels": 0.0, "test_spikes_hidden1": 1.0}

    def arrays(self):
        return {"weights": self.weights, "step": np.array(3)}

    def restore(self, arrays):
        self.weights = arrays["weights"]


class Watcher:
    """Keeps what it is told; stops the run (as Ctrl-C would) in the epoch `stop`."""

    def __init__(self, stop=None):
        self.stop, self.warnings, self.epochs, self.started, self.done = stop, [], [], [], 0

    def start_run(self, config, done):
        self.started.append(done)
        self.done = done

    def tick(self, samples, total):
        if self.stop is not None and self.done + len(self.epochs) + 1 == self.stop:
            raise KeyboardInterrupt

    def end_epoch(self, config, row):
        self.epochs.append(row["epoch"])

    def end_run(self, config):
        pass

    def warn(self, sentence):
        self.warnings.append(sentence)


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(loop, "make_learner", StandIn)
    return StandIn


@pytest.fixture
def watcher():
    return Watcher


@pytest.fixture
def outcome():
    """What a run directory holds in the end, but for how long it took."""

    def read(path):
        from runs.checkpoints import load_arrays

        checkpoint = load_arrays(path)
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        for row in (*rows, *checkpoint.rows):
            row.pop("seconds")
        assert checkpoint.rows == rows
        return rows, {name: (str(a.dtype), a.tobytes()) for name, a in checkpoint.arrays.items()}

    return read
