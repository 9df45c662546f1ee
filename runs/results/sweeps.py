"""Which experiments of a sweep a run belongs to, as OUT/sweep.json says of the runs in OUT/runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

Experiments = Mapping[str, int]


class Sweeps:
    """Looks runs up in the sweeps they lie in; every sweep.json is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Experiments]] = {}

    def experiments(self, run: Path) -> Experiments:
        """Names of the experiments that share the run, each with its place in the sweep's order; {}: a loose run."""
        if run.parent.name != "runs":
            return {}
        sweep = run.parent.parent
        if sweep not in self._known:
            self._known[sweep] = _read(sweep / "sweep.json")
        return self._known[sweep].get(run.name, {})


def _read(file: Path) -> dict[str, Experiments]:
    """Experiments by the name of the run's directory; {} where there is no sweep, or none that can be read."""
    try:
        planned = json.loads(file.read_text(encoding="utf-8"))["runs"]
        named = [(Path(run["directory"]).name, [str(name) for name in run["experiments"]]) for run in planned]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    places: dict[str, int] = {}
    for _, names in named:
        for name in names:
            places.setdefault(name, len(places))
    return {directory: {name: places[name] for name in names} for directory, names in named}
