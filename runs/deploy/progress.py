"""What is seen while samples run through Lava: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from runs.deploy.scores import Scores

_SILENCE = 15.0  # seconds between lines where there is no terminal


class RunProgress:
    """A context that watches a run.

    Args:
        total: samples to come.
        period: steps of a sample.
        out: where to print.
    """

    def __init__(self, total: int, period: int, out: Console) -> None:
        self._total, self._period, self._out = total, period, out
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[so_far]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._bars.add_task("Lava compiles", total=None, so_far="")
        self._told = time.monotonic()

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self) -> None:
        """Lava's processes are there."""
        self._bars.update(self._task, description="in Lava", total=self._total)

    def sample(self, scores: Scores) -> None:
        """One more sample is done."""
        rate = scores.seen * self._period / scores.running
        so_far = f"accuracy {scores.accuracy:.1%}, {rate:.0f} steps/s"
        self._bars.update(self._task, completed=scores.seen, so_far=so_far)
        now = time.monotonic()
        if not self._out.is_terminal and now - self._told > _SILENCE:
            self._told = now
            self._out.print(escape(f"{scores.seen} of {self._total}: {so_far}"), soft_wrap=True)
