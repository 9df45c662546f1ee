"""Small sweeps, and what their directories hold in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from runs.directory import read_rows
from runs.sweep import load_sweep, run_sweep

ROOT = Path(__file__).parents[3]

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


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """undisturbed(epochs): the directory of a sweep that ran in this process in peace."""
    made = {}

    def run(epochs):
        if epochs not in made:
            made[epochs] = tmp_path_factory.mktemp("undisturbed")
            sweep = load_sweep(TINY.format(epochs=epochs))
            assert run_sweep(sweep, made[epochs], executor="inline", console=Console(quiet=True)) == 0
        return made[epochs]

    return run


@pytest.fixture
def command(tmp_path):
    """command(out, epochs, *words, before=shell) starts `lava-dt sweep` as a process of its own."""
    started = []

    def start(out, epochs, *words, before=""):
        (tmp_path / "tiny.toml").write_text(TINY.format(epochs=epochs))
        line = [sys.executable, "-m", "runs", "sweep", tmp_path / "tiny.toml", "--out", out, *words]
        line = [*map(str, line)] if not before else ["bash", "-c", f'{before}; exec "$@"', "-", *map(str, line)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=tmp_path,
            # a shell that started the tests in the background would have them and their children ignore SIGINT
            preexec_fn=None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def when():
    """when(condition) waits for something true and returns it."""

    def wait(condition, timeout=300.0):
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not come in time"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture
def workers_of():
    """workers_of(out): process ids of the living workers on a sweep, as the system tells; skips where it does not."""
    if not Path("/proc").is_dir():
        pytest.skip("there is no /proc to look for processes in")

    def look(out):
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"runs.sweep.process" in words and os.fsencode(out) in words:
                found.append(int(entry.parent.name))
        return found

    return look


@pytest.fixture
def epochs_done():
    """epochs_done(out): of all runs together."""
    return lambda out: sum(len(read_rows(path)) for path in out.glob("runs/*"))
