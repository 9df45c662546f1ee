"""The loop that trains any model from whatever state its directory is in.

Randomness has no state: the initial weights follow from the seed, and everything drawn in an epoch (the order of the
samples) from the seed and the epoch. A checkpoint therefore needs no generator, and a continued run is the
undisturbed one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from runs.checkpoints import Checkpoint
from runs.config import AnyConfig, BatsConfig, ClockedConfig, ConfigError
from runs.directory import Row, RunDirectory, read_rows
from runs.environment import describe_environment
from runs.observables.files import write_observables
from runs.tensors import Arrays


class Watcher(Protocol):
    """Is told how a run goes; see runs.training.console.TrainingConsole for the one that people see."""

    def start_run(self, config: AnyConfig, done: int) -> None:
        """A run starts, with `done` epochs already there."""

    def tick(self, samples: int, total: int) -> None:
        """So many samples of the epoch's total have been seen."""

    def end_epoch(self, config: AnyConfig, row: Row) -> None:
        """An epoch's metrics are there and saved."""

    def end_run(self, config: AnyConfig) -> None:
        """The run is complete; also called, alone, for a run that was complete before."""

    def warn(self, sentence: str) -> None:
        """Something was wrong and has been dealt with."""


class Learner(Protocol):
    """One network, its optimizer and its data."""

    def data_name(self) -> str:
        """What the data are, by content: a run is not continued on other data."""

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        """Trains once through the data, in the order that belongs to `epoch` (from 1); metrics of the training set."""

    def test(self) -> Row:
        """Metrics of the test set."""

    def arrays(self) -> Arrays:
        """Weights and the optimizer's state."""

    def restore(self, arrays: Arrays) -> None:
        """Takes back what `arrays` gave."""


@runtime_checkable
class Observing(Protocol):
    """A learner that looks at its network once it is trained."""

    def observables(self) -> Arrays:
        """Arrays by name: a function of the configuration, the data and the weights alone."""


def make_learner(config: AnyConfig) -> Learner:
    """The learner that a configuration describes, freshly initialised. Only SLAYER needs torch and lava."""
    if isinstance(config, BatsConfig):
        from runs.training.bats import BatsLearner

        return BatsLearner(config)
    if isinstance(config, ClockedConfig):
        from runs.training.clocked import ClockedLearner

        return ClockedLearner(config)
    if config.protocol == "published":
        from runs.training.slayer_published import PublishedLearner

        return PublishedLearner(config)
    from runs.training.slayer import SlayerLearner

    return SlayerLearner(config)


def train(config: AnyConfig, path: Path, watcher: Watcher) -> list[Row]:
    """Trains in the directory `path` until `config.epochs` epochs are there; returns the metrics of all of them.

    A run that is complete is not computed again; one that was stopped continues after its last whole checkpoint.

    Raises:
        ConfigError: the directory holds another run, or this one on other data.
        Busy: another process is running in the directory.
    """
    directory = RunDirectory(path, warn=watcher.warn)
    with directory.open(config):
        return train_opened(directory, config, watcher)


def train_opened(directory: RunDirectory, config: AnyConfig, watcher: Watcher) -> list[Row]:
    """`train` in a directory that the caller has opened for this configuration."""
    path = directory.path
    if directory.finished_epochs() == config.epochs:
        watcher.end_run(config)
        return read_rows(path)
    learner = make_learner(config)
    checkpoint = directory.load()
    rows: list[Row] = []
    if checkpoint is not None:
        if checkpoint.data != learner.data_name():
            raise ConfigError(
                f"{path} was trained on {checkpoint.data}, but the data are now {learner.data_name()}: "
                "give another --out, or the data it was trained on"
            )
        learner.restore(checkpoint.arrays)
        rows = checkpoint.rows
    note = {**describe_environment(), "data": learner.data_name()}
    directory.note_environment(note, anew=checkpoint is None)
    watcher.start_run(config, len(rows))
    for epoch in range(len(rows) + 1, config.epochs + 1):
        began = time.perf_counter()
        row = {"epoch": epoch, **learner.train_epoch(epoch, watcher)}
        row["seconds"] = round(time.perf_counter() - began, 3)
        row.update(learner.test())
        rows = [*rows, row]
        saved = Checkpoint(epoch=epoch, data=learner.data_name(), arrays=learner.arrays(), rows=rows)
        directory.save(saved)
        watcher.end_epoch(config, row)
    if isinstance(learner, Observing):
        write_observables(path, learner.observables())
    directory.finish(config.epochs)
    watcher.end_run(config)
    return rows


def batches(
    n_samples: int, batch: int, seed: int | None, epoch: int, limit: int | None = None
) -> list[npt.NDArray[np.intp]]:
    """Indices of the samples of every batch, the last one shorter; in order where seed is None, else shuffled.

    Only the first `limit` samples of that order are taken; None takes all of them.
    """
    order = np.arange(n_samples) if seed is None else np.random.default_rng([seed, epoch]).permutation(n_samples)
    order = order[:limit]
    return [order[start : start + batch] for start in range(0, len(order), batch)]
