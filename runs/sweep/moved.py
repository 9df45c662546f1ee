"""Runs whose data lie in another folder now: the same runs, where they are the same data by content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runs.directory import RunDirectory
from runs.sweep.plan import PlannedRun

if TYPE_CHECKING:
    from runs.training.data_names import DataNames


class MovedRuns:
    """Finds the directories of runs of a sweep that has been there with other folders of data.

    Data are read only where a run of all the same settings has been begun with another folder.

    Args:
        held: runs that are there, those that nobody asks for in their own folder.
        folder: where their directories are.
    """

    def __init__(self, held: Sequence[PlannedRun], folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, list[PlannedRun]] = {}
        for run in held:
            self._held.setdefault(_but_data(run), []).append(run)
        self._names: DataNames | None = None

    def directory_of(self, run: PlannedRun) -> str | None:
        """The directory that holds this run, on these data, from now on nobody else's; None where there is none."""
        alike = self._held.get(_but_data(run), [])
        for other in alike:
            if self._is_same(run, other):
                alike.remove(other)
                return other.directory
        return None

    def _is_same(self, run: PlannedRun, other: PlannedRun) -> bool:
        noted = RunDirectory(self._folder / other.directory).data_name()
        if noted is None:
            return False
        from runs.training.data_names import DataNames

        self._names = self._names or DataNames()
        try:
            return noted == self._names.of(run.config)
        except Exception:  # whatever it is, the run itself will tell of it
            return False


def _but_data(run: PlannedRun) -> str:
    return json.dumps({name: value for name, value in run.config.identity().items() if name != "data"}, sort_keys=True)
