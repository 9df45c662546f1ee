"""The data of a run, as its configuration names them."""

from __future__ import annotations

from typing import Literal

from runs.config import BatsConfig, SlayerConfig
from runs.data import EventSet, Latency, Rate, Saccade, load_events

FINE_STEP = 1e-3  # seconds


def open_split(config: BatsConfig | SlayerConfig, split: Literal["train", "test"]) -> EventSet:
    """One split of the run's data set, in its encoding; only the samples that the run uses."""
    seconds = config.steps * FINE_STEP if isinstance(config, SlayerConfig) else config.duration
    encoding: Latency | Rate | Saccade | None = None
    if config.encoding == "latency":
        encoding = Latency(window=config.window)
    elif config.encoding == "rate":
        steps, peak = round(seconds / FINE_STEP), config.peak_rate * FINE_STEP
        encoding = Rate(steps=max(1, steps), dt=FINE_STEP, peak=peak, seed=config.seed)
    elif config.encoding == "saccade":
        encoding = Saccade()  # one camera for all seeds, so that its recordings are kept once
    return load_events(
        config.dataset,
        split,
        folder=config.data,
        encoding=encoding,
        end=seconds if encoding is None else None,
        limit=config.train_samples if split == "train" else config.test_samples,
    )


def name_data(train: EventSet, test: EventSet) -> str:
    """What the data are, by content."""
    return f"{train.name}, {len(train)} + {len(test)} samples, crc32 {train.crc32:08x} and {test.crc32:08x}"
