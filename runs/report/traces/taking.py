"""From a finished run to its recording: the first sample of its test set, as its last checkpoint sees it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from runs.checkpoints import load_arrays
from runs.comparison import Run
from runs.config import BatsConfig, ClockedConfig
from runs.report.traces.recording import Recording, cache_file, read_recording, write_recording


def recording_of(run: Run, folder: Path) -> Recording:
    """The recording of a run, from `folder` where it is kept there.

    Raises:
        Exception: whatever keeps it from being made: no checkpoint, no data, a package that is not installed.
    """
    file = cache_file(folder, run)
    found = read_recording(file)
    if found is None:
        found = _take(run)
        write_recording(file, found)
    return found


def _take(run: Run) -> Recording:
    checkpoint = load_arrays(run.path)
    if checkpoint is None or not checkpoint.arrays:
        raise ValueError(f"{run.path.name} has no checkpoint with weights")
    from runs.training.loop import make_learner

    config: Any = type(run.config)(**{**run.config.model_dump(), "train_samples": 1, "test_samples": 1})
    learner = make_learner(config)
    learner.restore(checkpoint.arrays)
    parts = vars(learner)
    label = int(parts["_test"].labels[0])
    if not isinstance(config, BatsConfig | ClockedConfig):
        from runs.report.traces.blocks import record_slayer

        return record_slayer(config, learner, label)
    from runs.report.traces.events import record_bats, record_clocked

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # spikes that do not fit: training has told of them
        learner.test()
    record = record_bats if isinstance(config, BatsConfig) else record_clocked
    return record(config.duration, parts["_network"], label)
