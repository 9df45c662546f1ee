"""Monitors of how well a network does."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import to_numpy
from bats_dt.monitors.base import AbstractMonitor, share_in_percent


class AccuracyMonitor(AbstractMonitor):
    """Percentage of samples classified rightly."""

    def __init__(self, export_path: str | Path | None = None, decimal: int = 2, *, name: str = "Accuracy (%)") -> None:
        super().__init__(name, export_path, decimal)
        self.reset()

    def add(self, predictions: Any, targets: Any) -> None:
        """Predicted and right classes, integers (batch,). Raises ValueError if their shapes differ."""
        predictions, targets = to_numpy(predictions), to_numpy(targets)
        if predictions.shape != targets.shape:
            raise ValueError(
                f"predictions have shape {predictions.shape} but targets {targets.shape}: pass one a sample"
            )
        self._right += int((predictions == targets).sum())
        self._seen += predictions.size

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._right = self._seen = 0

    def _compute(self) -> float:
        return share_in_percent(self._right, self._seen)


class LossMonitor(AbstractMonitor):
    """Mean loss of the samples whose loss is finite."""

    def __init__(self, export_path: str | Path | None = None, decimal: int = 2, *, name: str = "Loss") -> None:
        super().__init__(name, export_path, decimal)
        self.reset()

    def add(self, losses: Any) -> None:
        """Losses of any shape, one a sample."""
        losses = to_numpy(losses).astype(np.float64)
        finite = np.isfinite(losses)
        self._sum += float(losses[finite].sum())
        self._seen += int(finite.sum())

    def reset(self) -> None:
        """Forget what was added since the last record."""
        self._sum, self._seen = 0.0, 0

    def _compute(self) -> float:
        return self._sum / self._seen if self._seen else math.nan


class ValueMonitor(AbstractMonitor):
    """The value last added, whatever it is: a learning rate, say."""

    def __init__(self, export_path: str | Path | None = None, decimal: int = 2, *, name: str = "Value") -> None:
        super().__init__(name, export_path, decimal)
        self._added = math.nan

    def add(self, value: float) -> None:
        """The value to record."""
        self._added = float(value)

    def reset(self) -> None:
        """Nothing: a value holds until the next is added."""

    def _compute(self) -> float:
        return self._added


class TimeMonitor(AbstractMonitor):
    """Seconds from the last ``start`` to ``record``."""

    def __init__(self, export_path: str | Path | None = None, decimal: int = 2, *, name: str = "Time (s)") -> None:
        super().__init__(name, export_path, decimal)
        self._begin = math.nan

    def start(self) -> None:
        """Start the clock, or start it again."""
        self._begin = time.perf_counter()

    def reset(self) -> None:
        """Nothing: the clock runs on until it is started again."""

    def _compute(self) -> float:
        return time.perf_counter() - self._begin
