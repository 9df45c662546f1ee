"""Whoever waits for a report sees what it is busy with."""

import io

from rich.console import Console

from runs.config import make_config
from runs.report import write_report
from runs.report.stages import told


def test_every_stage_is_told_as_it_begins(tmp_path, make):
    make.run(tmp_path / "run", make_config("bats", {"epochs": 2}), [0.5, 0.9])
    stages = []
    write_report([tmp_path], tmp_path, traces=False, tell=stages.append)
    assert stages == ["reading the runs", "comparing 1 run", "drawing", "writing the report"]
    write_report([tmp_path], tmp_path, traces=True, tell=stages.append)
    assert "sending a test recording through the networks" in stages


def test_a_terminal_shows_the_stage_and_a_file_gets_nothing():
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
        with told(console) as tell:
            tell("reading [the] runs")
        assert ("reading [the] runs" in console.file.getvalue()) == terminal
        assert terminal or console.file.getvalue() == ""
