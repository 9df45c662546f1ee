"""What a sweep shows while it runs, read from its directory: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runs.sweep.expected import Expectation, duration_text
from runs.sweep.folder import run_path
from runs.sweep.listing import summary
from runs.sweep.plan import PlannedRun
from runs.sweep.status import Status, read_status
from runs.training.console import epoch_text

_INTERVAL = 0.5
_RATIO = 20  # looking takes a twentieth of the time at most, however many runs there are
_SHOWN = 12


class Board:
    """Watches the directory of a sweep, from a thread of its own, until it is left.

    Args:
        out, runs: the sweep.
        workers: how many work on it, as far as known.
        console: where it is shown; the standard output by default.
    """

    def __init__(self, out: Path, runs: Sequence[PlannedRun], workers: int, console: RichConsole | None = None) -> None:
        self._out, self._runs = out, tuple(runs)
        self._console = console or RichConsole(highlight=False, soft_wrap=True)
        self._expectation = Expectation(self._runs, workers)
        self._workers = workers
        self._statuses: dict[str, Status] = {}
        self._told: dict[str, int] = {}
        self._failed: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._began = time.monotonic()

    def __enter__(self) -> Board:
        self._update()
        for run in self._runs:
            self._told[run.directory] = len(self.status(run).rows)
            if self.status(run).state == "failed":
                self._failed.add(run.directory)
        self.line(summary(self._runs, self._statuses, self._expectation, self._workers, self._out))
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        if self._console.is_terminal:
            self._live.stop()
        self._update()
        self._tell_news()

    def status(self, run: PlannedRun) -> Status:
        """Where a run stood when it was last looked at."""
        return self._statuses[run.directory]

    def warn(self, sentence: str) -> None:
        """Shows a sentence that stays."""
        self._console.print(f"[yellow]warning:[/yellow] {escape(sentence)}", soft_wrap=True)

    def line(self, text: str) -> None:
        """Shows a line that stays."""
        self._console.print(escape(text), soft_wrap=True)

    def _watch(self) -> None:
        pause = _INTERVAL
        while not self._ending.wait(pause):
            began = time.perf_counter()
            self._update()
            pause = max(_INTERVAL, _RATIO * (time.perf_counter() - began))
            self._tell_news()
            if self._console.is_terminal:
                self._live.update(self._table(), refresh=True)

    def _update(self) -> None:
        for run in self._runs:
            known = self._statuses.get(run.directory)
            if known is None or known.state != "finished":
                self._statuses[run.directory] = read_status(run_path(self._out, run), run.config)

    def _tell_news(self) -> None:
        news = [(run, row) for run in self._runs for row in self.status(run).rows[self._told[run.directory] :]]
        done, left = sum(one.state == "finished" for one in self._statuses.values()), self._left_text() if news else ""
        for run, row in news:
            self._told[run.directory] = row["epoch"]
            self.line(f"{done}/{len(self._runs)}  {run.directory}: {epoch_text(run.config, row)}{left}")
        for run in self._runs:
            failure = self.status(run).failure
            if self.status(run).state == "failed" and failure is not None and run.directory not in self._failed:
                self._failed.add(run.directory)
                self.line(f"{run.directory} failed: {failure.get('sentence')}")

    def _left_text(self) -> str:
        left = self._expectation.until_the_end(self._statuses)
        return f"  about {duration_text(left)} left" if left > 0 else ""

    def _table(self) -> RenderableType:
        states = [status.state for status in self._statuses.values()]
        done, failed, running = (states.count(state) for state in ("finished", "failed", "running"))
        summary = f"{done} of {len(states)} runs done, {running} running"
        summary += f", [red]{failed} failed[/red]" if failed else ""
        times = f"{duration_text(time.monotonic() - self._began)}{self._left_text()}"
        lines = Table.grid(padding=(0, 2))
        share = sum(self._share(run) for run in self._runs)
        lines.add_row(Text.from_markup(summary), ProgressBar(len(states), share, width=30), times)
        active = [run for run in self._runs if self.status(run).state == "running"]
        for run in active[:_SHOWN]:
            status, epochs = self.status(run), run.config.epochs
            best = f"  test {status.rows[-1]['test_accuracy']:.1%}" if status.rows else ""
            told = f"epoch {min(len(status.rows) + 1, epochs)}/{epochs}{best}"
            lines.add_row(Text(f"  {run.directory}"), ProgressBar(1.0, self._share(run), width=30), told)
        return Group(lines, *([Text(f"  and {len(active) - _SHOWN} more")] if len(active) > _SHOWN else []))

    def _share(self, run: PlannedRun) -> float:
        status = self.status(run)
        return min(1.0, (len(status.rows) + status.part) / run.config.epochs)
