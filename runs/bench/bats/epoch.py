"""Seconds that an epoch of MNIST takes: real training, on real images, with the spikes' encoding and the scores."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import to_numpy
from runs.bench.bats.cases import MNIST_IMAGES, Case
from runs.bench.bats.contestants import Contestant, on
from runs.bench.bats.inputs import training_images, trains
from runs.console import Console
from runs.data import Images

TURNS = 10  # in which every contestant does a part of its images, one contestant after the other


def measure_epoch(case: Case, seed: int, data: Path | None, port_images: int, console: Console) -> dict[str, Any]:
    """Trains every entry of a case on the images once.

    Args:
        port_images: how many images the literal port, which is slow, is trained on at most.

    Returns:
        By entry ``images`` that it was trained on, ``seconds`` (wall) and ``cpu`` that this took, the same for 60,000
        images (``epoch``, ``epoch_cpu``), whether that was ``measured`` or is extrapolated, and of the first
        ``compared`` images the share that was classified ``right`` while it learnt.
    """
    images = training_images(data)
    order = np.random.default_rng([seed, 2]).permutation(len(images))
    runners = [_Runner(case, Contestant(case, entry, seed, data), order, port_images) for entry in case.entries]
    for runner in runners:  # so that nothing is compiled or allocated for the first time while the clock runs
        runner.warm_up()
    for turn in range(TURNS):
        for runner in runners:
            runner.run(images, turn)
        console.tick(turn + 1, TURNS)
    return {runner.contestant.name: runner.row() for runner in runners}


class _Runner:
    """One contestant, its images and what they have cost."""

    def __init__(self, case: Case, contestant: Contestant, order: np.ndarray, port_images: int) -> None:
        self.contestant = contestant
        shown = order[:port_images] if contestant.entry.library == "literal port" else order
        self._batches = [shown[first : first + case.batch] for first in range(0, len(shown), case.batch)]
        self._compared = min(port_images, len(order)) // case.batch * case.batch
        self._wall = self._cpu = 0.0
        self._right = self._images = 0

    def warm_up(self) -> None:
        self.contestant.step()
        self.contestant.restore()

    def run(self, images: Images, turn: int) -> None:
        """One part of the images; the clock is read when a GPU has brought its classes back."""
        part = slice(turn * len(self._batches) // TURNS, (turn + 1) * len(self._batches) // TURNS)
        wall, cpu = time.perf_counter(), time.process_time()
        with on(self.contestant.entry):
            for chosen in self._batches[part]:
                labels = images.labels[chosen]
                self.contestant.take(*trains(images.images[chosen].reshape(len(chosen), -1)), labels)
                predicted = to_numpy(self.contestant.train())
                if self._images < self._compared:
                    self._right += int((predicted == labels).sum())
                self._images += len(chosen)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def row(self) -> dict[str, Any]:
        scale = MNIST_IMAGES / self._images
        return {
            "images": self._images,
            "seconds": self._wall,
            "cpu": self._cpu,
            "epoch": self._wall * scale,
            "epoch_cpu": self._cpu * scale,
            "measured": self._images == MNIST_IMAGES,
            "compared": self._compared,
            "right": self._right / max(self._compared, 1),
        }
