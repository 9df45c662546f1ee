"""`lava-dt bench data`: compares the simulated camera with the real one, times the loaders, writes tables."""

from __future__ import annotations

import shlex
import sys

from runs.bench.data.options import DataBench
from runs.bench.machine import busy_sentence, describe_machine, load, set_threads
from runs.bench.results import FORMAT, Record, new_directory
from runs.bench.summary import write_results
from runs.console import Console


def run_data(options: DataBench) -> int:
    """Runs the benchmark; 1 where a model could not be trained here, 0 otherwise."""
    path = new_directory(options.out, "data")
    before, busy = load(), busy_sentence()
    late = set_threads(options.threads, with_torch=False)
    from runs.bench.data.loading import measure
    from runs.bench.data.page import page, picture, tables
    from runs.bench.data.recordings import compare

    with Console() as console:
        for sentence in (*late, *([busy] if busy else [])):
            console.warn(sentence)
        result: Record = {
            "format": FORMAT,
            "command": shlex.join(["lava-dt", *sys.argv[1:]]),
            "machine": describe_machine(options.threads, None),
            "load": {"before": before},
            "options": options.model_dump(mode="json", exclude={"out"}),
        }
        for name, work in (("recordings", compare), ("loading", measure)):
            if not options.only or name in options.only:
                result[name] = work(options, console)
                write_results(path, result, page, picture)
        result["load"]["after"] = load()
        write_results(path, {**result, "complete": True}, page, picture)
        for table in tables(result):
            console.show(table.rich())
        console.line(f"wrote {path / 'bench.md'}, bench.json and bench.svg")
    return 1 if any("failed" in step for step in result.get("loading", {}).get("steps", [])) else 0
