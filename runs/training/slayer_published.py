"""SLAYER as the thesis's published code trains it: lava-dl's own blocks under the patch `published-protocol`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import patches
from runs.config import SlayerConfig
from runs.data import EventSet
from runs.directory import Row
from runs.training.datasets import FINE_STEP
from runs.training.loop import Watcher
from runs.training.slayer import SlayerLearner, dense_blocks, slayer


class PublishedLearner(SlayerLearner):
    """Trains under the protocol of EQUATIONS A.3 (i to vi), each of whose peculiarities the configuration can turn off.

    The patch is there while an epoch is trained, or tested at the step of training, and at no other time.
    """

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        self._entry = entry_steps(self._config)
        _set_decays(self.blocks, self._config, self._entry)
        with self._masked():
            return super().train_epoch(epoch, watcher)

    def test(self) -> Row:
        self._entry = 1 if self._config.test_fine else entry_steps(self._config)
        _set_decays(self.blocks, self._config, self._entry)
        with contextlib.nullcontext() if self._config.test_fine else self._masked():
            return super().test()

    def _evaluate(self) -> None:
        self.blocks.train(not self._config.test_fine)  # the patch masks neurons in training only; nothing else differs

    def _masked(self) -> contextlib.AbstractContextManager[Any]:
        config = self._config
        if not config.mask:
            return contextlib.nullcontext()
        return patches.applied("published-protocol", dt=config.dt, backward=config.backward)

    def _build(self, sizes: Sequence[int]) -> torch.nn.ModuleList:
        self._entry = 1
        return build_published(self._config, sizes)

    def _input(self, events: EventSet, indices: npt.NDArray[np.intp]) -> tuple[torch.Tensor, int]:
        spikes = fill_bins(events, indices, self._config.steps, self._entry, self._config.binning)
        return torch.from_numpy(spikes), int(np.count_nonzero(spikes))

    def _entries(self) -> int:
        return self._config.steps // self._entry


def entry_steps(config: SlayerConfig) -> int:
    """Fine steps in one entry of the time axis while training."""
    return (config.dt or 1) if config.prebinned else 1


def fill_bins(events: EventSet, indices: npt.ArrayLike, steps: int, dt: int, binning: str) -> npt.NDArray[np.float32]:
    """Samples as lava-dl's `fill_tensor` bins them with sampling_time = dt.

    An event at t (in fine steps) is in the bin round(t / dt), so that the first one is half as wide. There are
    floor(steps / dt) bins; what comes later is dropped.

    Args:
        binning: what a bin with events holds: "fill" 1 / dt, as lava-dl does; "any" 1; "count" their number.

    Returns:
        float32, shape (batch, channels, floor(steps / dt)).

    Notes:
        Halves are rounded up, where lava-dl rounds them to even. With times in whole microseconds one event in 2,000 dt
        lies a bin later for that: of N-MNIST's 0.05 % at dt 1, 0.005 % at dt 10. All else is the same bit for bit.
    """
    (row, channel, half), shape = events.listed(indices, 2 * steps, dt, FINE_STEP / 2)
    entry, bins = (half + 1) // 2, steps // dt
    inside = entry < bins
    cells = (row[inside], channel[inside], entry[inside])
    filled = np.zeros((shape[0], shape[1], bins), np.float32)
    if binning == "count":
        np.add.at(filled, cells, np.float32(1.0))
    else:
        filled[cells] = 1.0 / dt if binning == "fill" else 1.0
    return filled


def build_published(config: SlayerConfig, sizes: Sequence[int]) -> torch.nn.ModuleList:
    """lava-dl's own blocks, input side first, freshly initialised from torch's generator; sizes as `build_blocks`."""
    return dense_blocks(slayer.block.cuba.Dense, config.neuron(), config, sizes)


def _set_decays(blocks: torch.nn.ModuleList, config: SlayerConfig, entry: int) -> None:
    """Decays an entry of `entry` fine steps: those of one fine step, or with `rescale` those of as many."""
    steps = entry if config.rescale else 1
    for block in blocks:
        neuron: Any = block.neuron
        for name in ("current_decay", "voltage_decay"):
            decay = 1 - (1 - getattr(config, name)) ** steps
            getattr(neuron, name).data.fill_(decay * neuron.p_scale)  # as lava-dl keeps it, and rounds where it uses it
