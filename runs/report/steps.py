"""The steps of a report: each has one name and one colour wherever it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from runs.comparison import Entry
from runs.config import AnyConfig
from runs.report.drawing.colours import step_colour
from runs.report.wording import bins, step

_ALIKE = 1.06  # steps whose lengths are closer than that have one colour: 37 bins of BATS, 38 of SLAYER


class Steps:
    """Colours from fine to coarse over all entries; the undiscretised network stands apart.

    Models whose bins are cut from one duration go by bins, the clocked one by the length of its step.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._place: dict[tuple[bool, float], float] = {}
        for clocked in (False, True):
            kept = [e.config for e in entries if not e.config.is_baseline() and _clocked(e.config) == clocked]
            clusters: list[list[float]] = []
            for length in sorted({_length(config) for config in kept}):
                if clusters and length <= clusters[-1][0] * _ALIKE:
                    clusters[-1].append(length)
                else:
                    clusters.append([length])
            for i, cluster in enumerate(clusters):
                for length in cluster:
                    self._place[clocked, length] = i / max(1, len(clusters) - 1)

    def colour(self, config: AnyConfig) -> str:
        """A CSS colour."""
        if config.is_baseline():
            return "var(--base)"
        return step_colour(self._place[_clocked(config), _length(config)])


def name(entry: Entry) -> str:
    """A step in a word or two, as beside a line: exact, 1 ms, 30 bins."""
    if _clocked(entry.config):
        return step(entry)
    if entry.config.is_baseline():
        return "exact" if entry.config.dt is None else step(entry).partition(" (")[0]
    return f"{bins(entry)} bins"


def coarseness(config: AnyConfig) -> float:
    """Where a step stands on an axis: its bins, or the length of a clocked step in milliseconds; both positive."""
    return 1000 * float(config.dt or 0) if _clocked(config) else float(config.bins or 0)


def _clocked(config: AnyConfig) -> bool:
    return config.model == "clocked"


def _length(config: AnyConfig) -> float:
    """Coarser steps are longer."""
    return float(config.dt or 0) if _clocked(config) else 1 / float(config.bins or 1)
