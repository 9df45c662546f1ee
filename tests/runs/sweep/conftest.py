"""Small sweeps, and what their directories hold in the end."""

import json

import pytest
from rich.console import Console

from runs.sweep import load_sweep

TINY = """
name = "tiny"
title = "A tiny sweep"
question = "Does it end?"
[[experiment]]
name = "digits"
model = "bats"
[experiment.settings]
epochs = {epochs}
train_samples = 64
test_samples = 16
hidden = [8]
batch = 16
[experiment.grid]
seed = [0, 1]
bins = [30]
"""


@pytest.fixture
def tiny_text():
    return lambda epochs=3: TINY.format(epochs=epochs)


@pytest.fixture
def tiny(tiny_text):
    return lambda epochs=3: load_sweep(tiny_text(epochs))


@pytest.fixture
def console(tmp_path):
    """A console that writes into a file; `console.text()` is what stands there."""
    with (tmp_path / "console.txt").open("w") as file:
        console = Console(file=file, soft_wrap=True, highlight=False)
        console.text = lambda: (file.flush(), (tmp_path / "console.txt").read_text())[1]
        yield console


@pytest.fixture
def results(outcome):
    """Of every run that a sweep planned: metrics and weights. There must be these runs and no others."""

    def read(out):
        planned = [run["directory"] for run in json.loads((out / "sweep.json").read_text())["runs"]]
        there = sorted(path.name for path in (out / "runs").iterdir())
        assert there == sorted(planned) and len(set(planned)) == len(planned)
        for name in planned:
            assert (out / "runs" / name / "done.json").exists(), name
            assert not (out / "runs" / name / "failed.json").exists(), name
        return {name: outcome(out / "runs" / name) for name in planned}

    return read
