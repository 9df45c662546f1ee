"""The observables of a configuration's runs, by step: what the claims and the figures are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.comparison import Entry
from runs.observables.files import read_observables
from runs.tensors import Arrays


@dataclass(frozen=True)
class Measured:
    """One step of a group: its entry, and what was observed of each of its runs that has been looked at."""

    entry: Entry
    observed: list[Arrays]

    @property
    def dt(self) -> float:
        """The step [s]."""
        return float(self.entry.config.dt or 0.0)

    @property
    def label(self) -> str:
        """The step as it is written."""
        return f"{self.dt:g} s"

    def first(self, name: str) -> npt.NDArray[np.float64] | None:
        """An array of the first run; None where it was not observed."""
        return np.asarray(self.observed[0][name], float) if self.observed and name in self.observed[0] else None

    def mean(self, name: str) -> npt.NDArray[np.float64]:
        """The mean of an array over the runs in which it is a number, nan where it is in none."""
        found = [np.asarray(arrays[name], float) for arrays in self.observed if name in arrays]
        if not found:
            return np.array(np.nan)
        known = np.isfinite(found)
        with np.errstate(invalid="ignore"):  # 0/0 is nan
            return np.asarray(np.where(known, found, 0.0).sum(axis=0) / known.sum(axis=0))


@dataclass(frozen=True)
class Group:
    """Clocked runs that differ in step and seed alone, from the finest step to the coarsest."""

    name: str
    steps: list[Measured]

    @property
    def hidden(self) -> list[str]:
        """The hidden layers that were observed, from the first."""
        names = (f"hidden{n + 1}" for n in range(len(self.steps[0].entry.config.hidden)))
        return [name for name in names if f"initial.voltage.{name}.power" in self.steps[0].observed[0]]

    @property
    def fitted(self) -> bool:
        """Whether they were trained by L-BFGS."""
        return any(step.first("fit.lbfgs.losses") is not None for step in self.steps)


def groups_of(entries: Sequence[Entry]) -> list[Group]:
    """The clocked runs among the entries that have been looked at, as they are at their end, in the entries' order."""
    gathered: dict[object, list[Entry]] = {}
    for entry in entries:
        if entry.config.model == "clocked":
            gathered.setdefault(entry.group, []).append(entry)
    found = []
    for group in gathered.values():
        steps = [Measured(entry, _observed(entry)) for entry in sorted(group, key=lambda e: float(e.config.dt or 0))]
        looked_at = [step for step in steps if step.observed]
        if looked_at:
            found.append(Group(group[0].experiment or group[0].config.kind(), looked_at))
    return found


def _observed(entry: Entry) -> list[Arrays]:
    found = (read_observables(run.path) for run in entry.runs)
    return [arrays for arrays in found if arrays is not None]
