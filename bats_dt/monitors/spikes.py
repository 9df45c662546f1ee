"""Monitors of how much a network spikes, and where it does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import to_numpy
from bats_dt.monitors.base import AbstractMonitor, share_in_percent


class SilentLabelsMonitor(AbstractMonitor):
    """Percentage of samples whose label neuron is silent: those that give its weights no gradient."""

    def __init__(
        self, export_path: str | Path | None = None, decimal: int = 2, *, name: str = "Silent labels (%)"
    ) -> None:
        super().__init__(name, export_path, decimal)
        self.reset()

    def add(self, counts: Any, labels: Any) -> None:
        """Spike counts of the output layer (batch, n_neurons), and labels, integers (batch,)."""
        silent = to_numpy(counts)[np.arange(len(counts)), to_numpy(labels)] == 0
        self._silent += int(silent.sum())
        self._seen += len(silent)

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._silent = self._seen = 0

    def _compute(self) -> float:
        return share_in_percent(self._silent, self._seen)


class DeadLabelsMonitor(AbstractMonitor):
    """Number of classes whose neuron was silent in every sample of theirs: those classes learn nothing.

    Training does not revive them but by chance, and an accuracy without this figure says little: with one dead class
    of ten it cannot pass 90 %. The cure is :class:`bats_dt.SilentLabelRemedy`.
    """

    def __init__(self, export_path: str | Path | None = None, decimal: int = 0, *, name: str = "Dead labels") -> None:
        super().__init__(name, export_path, decimal)
        self._dead: list[int] = []
        self.reset()

    @property
    def dead(self) -> list[int]:
        """The dead classes at the last record."""
        return self._dead

    def add(self, counts: Any, labels: Any) -> None:
        """Spike counts of the output layer (batch, n_neurons), and labels, integers (batch,)."""
        counts, labels = to_numpy(counts), to_numpy(labels)
        self._seen.update(labels.tolist())
        self._alive.update(labels[counts[np.arange(len(labels)), labels] > 0].tolist())

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._seen: set[int] = set()
        self._alive: set[int] = set()

    def _compute(self) -> float:
        self._dead = sorted(self._seen - self._alive)
        return len(self._dead) if self._seen else math.nan


class SilentNeuronsMonitor(AbstractMonitor):
    """Percentage of a layer's neurons that are silent in all samples."""

    def __init__(self, layer_name: str, export_path: str | Path | None = None, decimal: int = 2) -> None:
        super().__init__(f"{layer_name} silent neurons (%)", export_path, decimal)
        self._spikes: np.ndarray = np.zeros((), np.int64)  # becomes one number a neuron

    def add(self, counts: Any) -> None:
        """Spike counts of the layer, (batch, n_neurons)."""
        self._spikes = self._spikes + to_numpy(counts).sum(axis=0)

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._spikes = np.zeros((), np.int64)

    def _compute(self) -> float:
        return share_in_percent(int((self._spikes == 0).sum()), self._spikes.size) if self._spikes.ndim else math.nan


class SpikeCountMonitor(AbstractMonitor):
    """Mean number of spikes of a layer in a sample."""

    def __init__(self, layer_name: str, export_path: str | Path | None = None, decimal: int = 2) -> None:
        super().__init__(f"{layer_name} mean spike count", export_path, decimal)
        self.reset()

    def add(self, counts: Any) -> None:
        """Spike counts of the layer, (batch, n_neurons)."""
        counts = to_numpy(counts)
        self._spikes += int(counts.sum())
        self._seen += len(counts)

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._spikes = self._seen = 0

    def _compute(self) -> float:
        return self._spikes / self._seen if self._seen else math.nan


class WeightsNormMonitor(AbstractMonitor):
    """Frobenius norm of a layer's weights, as last added."""

    def __init__(self, layer_name: str, export_path: str | Path | None = None, decimal: int = 2) -> None:
        super().__init__(f"{layer_name} weights norm", export_path, decimal)
        self._norm = math.nan

    def add(self, weights: Any) -> None:
        """Weights of any shape."""
        self._norm = float(np.linalg.norm(to_numpy(weights).astype(np.float64).ravel()))

    def reset(self) -> None:
        """Nothing: the weights hold until others are added."""

    def _compute(self) -> float:
        return self._norm
