"""What a sweep will do and how long that takes, before it does it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table

from runs.sweep.expected import Expectation, duration_text
from runs.sweep.folder import place, run_path
from runs.sweep.plan import PlannedRun, Sweep
from runs.sweep.status import Status, read_status
from runs.training.console import name_run


def list_runs(sweep: Sweep, out: Path, workers: int, console: RichConsole | None = None) -> None:
    """Prints the runs of a sweep, those that differ in the seed alone on one line, and the time that is left.

    Raises:
        ConfigError: `out` holds another sweep, or longer runs.
    """
    console = console or RichConsole(highlight=False, soft_wrap=True)
    runs = place(sweep, out)
    statuses = {run.directory: read_status(run_path(out, run), run.config) for run in runs}
    expectation = Expectation(runs, workers)
    left = expectation.left(statuses)
    table = Table(title=f"{sweep.title}{' (quick)' if sweep.quick else ''}", title_justify="left")
    for name in ("experiment", "run"):
        table.add_column(name)
    for name in ("seeds", "epochs", "done", "left"):
        table.add_column(name, justify="right")
    lines: dict[tuple[tuple[str, ...], str, int], list[PlannedRun]] = {}
    for run in runs:
        lines.setdefault((run.experiments, name_run(run.config), run.config.epochs), []).append(run)
    for (experiments, name, epochs), several in lines.items():
        seeds = ", ".join(str(seed) for seed in sorted({run.config.seed for run in several}))
        done = sum(statuses[run.directory].state == "finished" for run in several)
        failed = sum(statuses[run.directory].state == "failed" for run in several)
        told = f"{done}/{len(several)}{f', {failed} failed' if failed else ''}"
        time = duration_text(sum(left[run.directory] for run in several))
        table.add_row(", ".join(experiments), name, seeds, str(epochs), told, time)
    console.print(table)
    tell_notes(sweep, console)
    console.print(summary(runs, statuses, expectation, workers, out), soft_wrap=True)


def tell_notes(sweep: Sweep, console: RichConsole) -> None:
    """Prints what of the sweep cannot be just as it is asked for."""
    for note in sweep.notes:
        console.print(escape(note), soft_wrap=True)


def summary(
    runs: tuple[PlannedRun, ...], statuses: dict[str, Status], expectation: Expectation, workers: int, out: Path
) -> str:
    """How much there is to do, and how long it takes, in one line."""
    states = [statuses[run.directory].state for run in runs]
    done, failed = states.count("finished"), states.count("failed")
    counts = f"{len(runs)} runs, {done} done" + (f", {failed} failed before" if failed else "")
    time = duration_text(expectation.until_the_end(statuses))
    return f"{counts}; about {time} with {workers} worker{'s' if workers != 1 else ''}, in {out}"
