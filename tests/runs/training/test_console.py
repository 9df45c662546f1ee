"""What is printed where nobody watches."""

import io
import warnings

from rich.console import Console as RichConsole

from runs.config import make_config
from runs.training.console import TrainingConsole

ROW = {
    "epoch": 1,
    "train_accuracy": 0.5,
    "test_accuracy": 0.4,
    "train_loss": 2.0,
    "test_silent_labels": 0.0,
    "seconds": 1.0,
}


def watched(terminal):
    out = io.StringIO()
    rich = RichConsole(file=out, force_terminal=terminal, width=100, highlight=False)
    config = make_config("bats", {"epochs": 1, "dt": 0.01})
    with TrainingConsole(runs=2, out=rich, err=rich) as console:
        console.start_run(config, 0)
        for seen in range(1000):
            console.tick(seen, 1000)
        console._bars.refresh()
        console.end_epoch(config, ROW)
        console.end_run(config)
        console.warn("[odd] name")
        warnings.warn("from a library", RuntimeWarning, stacklevel=1)
    return out.getvalue()


def test_without_a_terminal_there_is_one_line_an_epoch():
    first, second, third = watched(terminal=False).splitlines()
    assert first.startswith("bats, dt 0.01 s (30 bins), snap: epoch 1/1  train 50.0%  test 40.0%")
    assert second == "warning: [odd] name"
    assert third == "warning: from a library"


def test_on_a_terminal_there_are_bars_for_runs_epochs_and_samples():
    text = watched(terminal=True)
    assert "runs" in text and "samples" in text and "999/1000" in text
