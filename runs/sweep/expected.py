"""How long runs take: by a table of measured times at first, then by the epochs that the sweep itself has done."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from runs.config import AnyConfig
from runs.sweep.plan import PlannedRun
from runs.sweep.sizes import samples
from runs.sweep.status import Status

_START = 2.0  # seconds to read the data and build the network


def seconds_per_thousand(config: AnyConfig) -> tuple[float, float]:
    """Processor seconds for 1,000 training and 1,000 test samples on one core of a 2.x GHz server, measured once.

    Each was taken from the second epoch of a small run with the model's usual settings; between the measured sizes the
    time is taken to grow with the number of bins and of hidden neurons as it did there. Other machines differ by a
    factor, which the first epochs of a sweep show.
    """
    neurons = sum(config.hidden)
    if config.model == "bats":
        if getattr(config, "network", "dense") == "conv":
            return 6.3, 4.3
        if getattr(config, "loss", "count") == "ttfs":
            return 0.52 * neurons / 800, 0.45 * neurons / 800
        return 0.2 + 0.06 * neurons / 800, 0.08 + 0.06 * neurons / 800
    if config.model == "slayer":
        steps, bins = getattr(config, "steps", 300), config.bins or 300
        delays = 2.0 if getattr(config, "delay", False) else 1.0
        if getattr(config, "protocol", "described") == "published":
            return 0.139 * bins * neurons / 1024, 0.06 * steps * neurons / 1024
        entries, each = (steps, 0.0077) if getattr(config, "clock", "coarse") == "held" else (bins, 0.0055)
        train = (1.3 + each * entries) * (0.45 + 0.55 * neurons / 512) * delays
        return train, 0.78 * train
    steps = getattr(config, "steps", 50)
    return 0.012 * steps, 0.007 * steps


class Expectation:
    """The time that a sweep's runs take.

    What an epoch takes is, in this order: the mean of the epochs that runs of the same settings but the seed have
    done; the table's time by the factor between the epochs that the same model has done and the table; the table's
    time. The test after an epoch, which no metric tells the time of, is taken from the table by the same factor.

    Args:
        runs: of the sweep.
        workers: how many go on at a time.
    """

    def __init__(self, runs: Sequence[PlannedRun], workers: int) -> None:
        self._runs, self._workers = tuple(runs), workers
        self._tables = {run.directory: _epoch(run.config) for run in runs}
        self._groups = {run.directory: _but_seed(run.config) for run in runs}

    def left(self, statuses: Mapping[str, Status]) -> dict[str, float]:
        """Seconds of work that are left in every run, by directory; none in runs that failed."""
        settings, models = self._measured(statuses)
        found = {}
        for run in self._runs:
            status, (train, test) = statuses[run.directory], self._tables[run.directory]
            if status.state in ("finished", "failed"):
                found[run.directory] = 0.0
                continue
            factor = settings.get(self._groups[run.directory], models.get(run.config.model, 1.0))
            epochs = max(0.0, run.config.epochs - len(status.rows) - status.part)
            found[run.directory] = epochs * factor * (train + test) + (_START if status.state == "waiting" else 0.0)
        return found

    def until_the_end(self, statuses: Mapping[str, Status]) -> float:
        """Seconds until all are done: work shared evenly, but for the longest run, which one worker does alone."""
        left = self.left(statuses).values()
        return max([sum(left) / self._workers, *left], default=0.0)

    def _measured(self, statuses: Mapping[str, Status]) -> tuple[dict[str, float], dict[str, float]]:
        """Measured time over the table's: by settings, and by model."""
        settings, models = defaultdict(list), defaultdict(list)
        for run in self._runs:
            rows = statuses[run.directory].rows
            if rows:
                factor = fmean(float(row["seconds"]) for row in rows) / self._tables[run.directory][0]
                settings[self._groups[run.directory]].append(factor)
                models[run.config.model].append(factor)
        return {k: fmean(v) for k, v in settings.items()}, {k: fmean(v) for k, v in models.items()}


def duration_text(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _epoch(config: AnyConfig) -> tuple[float, float]:
    train, test = samples(config)
    of_train, of_test = seconds_per_thousand(config)
    return of_train * train / 1000, of_test * test / 1000


def _but_seed(config: AnyConfig) -> str:
    return json.dumps({name: value for name, value in config.identity().items() if name != "seed"})
