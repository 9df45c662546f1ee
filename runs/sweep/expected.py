"""How long runs take: from a table of measured times at first, then from the epochs of the sweep itself."""

from __future__ import annotations

from collections.abc import Iterable

from runs.config import AnyConfig
from runs.sweep.status import Status


class Expectation:
    """The time that is left.

    Args:
        workers: how many runs go on at a time.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def left(self, runs: Iterable[tuple[AnyConfig, Status]]) -> float:
        """Seconds until all are done."""
        return 0.0


def duration_text(seconds: float) -> str:
    """A duration in the two units that matter."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole / 60:.0f} min"
    return f"{whole / 3600:.1f} h"
