"""`lava-dt bench results`: how long report and query take on thousands of made-up run directories."""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from runs.bench.directories.options import ResultsBench
from runs.bench.directories.synthetic import make_directories
from runs.bench.machine import busy_sentence, describe_machine
from runs.bench.results import new_directory
from runs.bench.sheet import Sheet
from runs.console import Console
from runs.files import write_json

_EPOCHS = "SELECT model, bins, avg(test_accuracy) FROM runs JOIN epochs USING (directory) GROUP BY ALL ORDER BY ALL"
_SUMMARY = "SELECT experiment, step, change, change_low, change_high FROM summary"
_METHOD = """\
Every command is a process of its own, from the start of Python to its end, with the directories in the system's cache.
Seconds are medians over the rounds, in which the commands take turns. CPU seconds are those of all threads."""

Times = dict[str, list[float]]


def commands(runs: Path, out: Path) -> dict[str, list[str]]:
    """What is timed: names and arguments of `lava-dt`."""
    return {
        "report": ["report", str(runs), "--out", str(out / "report")],
        "report --csv": ["report", str(runs), "--out", str(out / "report"), "--csv"],
        "query, runs and epochs": ["query", _EPOCHS, str(runs)],
        "query, summary": ["query", _SUMMARY, str(runs)],
    }


def run_results(options: ResultsBench) -> int:
    """Makes the directories, times the commands, and writes results.json and results.md.

    Raises:
        ConfigError: --out holds something already.
        RuntimeError: a command failed.
    """
    path = new_directory(options.out, "results")
    with Console() as console, tempfile.TemporaryDirectory(prefix="lava-dt-") as folder:
        busy = busy_sentence()
        if busy:
            console.warn(busy)
        console.line(f"making {options.runs:,} run directories of {options.epochs} epochs")
        runs = Path(folder) / "sweep"
        make_directories(runs, options.runs, options.epochs)
        times = time_commands(commands(runs, Path(folder)), options.repeats, console)
        table = sheet(times, options)
        console.show(table.rich())
        path.mkdir(parents=True, exist_ok=True)
        command = shlex.join(["lava-dt", *sys.argv[1:]])
        machine = describe_machine(1, None)
        about = {"command": command, "options": options.model_dump(mode="json"), "machine": machine}
        write_json(path / "results.json", {"format": 1, **about, "times": times})
        (path / "results.md").write_text(_page(table, command, machine, busy), encoding="utf-8")
        console.line(f"wrote {path / 'results.md'} and results.json")
    return 0


def time_commands(asked: dict[str, list[str]], rounds: int, console: Console) -> dict[str, Times]:
    """Wall and CPU seconds of every round; one that is not counted fills the system's cache."""
    times: dict[str, Times] = {name: {"wall": [], "cpu": []} for name in asked}
    for number in range(rounds + 1):
        for name, arguments in asked.items():
            wall, cpu = _timed(arguments)
            if number:
                times[name]["wall"].append(wall)
                times[name]["cpu"].append(cpu)
        console.line(f"round {number} of {rounds}" if number else "all commands have run once")
    return times


def sheet(times: dict[str, Times], options: ResultsBench) -> Sheet:
    """Medians, a row a command."""
    rows = [
        [name, *(f"{statistics.median(values[kind]):.1f}" for kind in ("wall", "cpu"))]
        for name, values in times.items()
    ]
    title = f"{options.runs:,} run directories of {options.epochs} epochs"
    return Sheet(title, ["lava-dt", "seconds", "CPU seconds"], rows)


def _timed(arguments: list[str]) -> tuple[float, float]:
    """Runs `lava-dt` in a process of its own: wall and CPU seconds."""
    began, before = time.perf_counter(), _children()
    done = subprocess.run([sys.executable, "-m", "runs", *arguments], capture_output=True, text=True)
    wall, cpu = time.perf_counter() - began, _children() - before
    if done.returncode:
        raise RuntimeError(f"lava-dt {shlex.join(arguments)} failed: {done.stderr.strip()[-500:]}")
    return wall, cpu


def _children() -> float:
    """CPU seconds of all child processes that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _page(table: Sheet, command: str, machine: dict[str, Any], busy: str | None) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    commit = "not a checkout" if machine["git"] is None else machine["git"]["commit"]
    lines = ["# lava-dt bench results", "", f"    {command}", "", *([f"* {busy}"] if busy else [])]
    lines.append(f"* {machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {versions}")
    lines.append(f"* commit {commit}")
    return "\n".join([*lines, "", table.markdown(), _METHOD, ""])
