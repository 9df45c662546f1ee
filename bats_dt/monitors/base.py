"""What every monitor offers."""

from __future__ import annotations

import importlib
import math
import warnings
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np


class AbstractMonitor(ABC):
    """A figure of the training, one value an epoch: ``add`` what it is made of, then ``record`` the epoch.

    Parameters
    ----------
    name: what it is called in print. export_path: where :meth:`export` writes, without a suffix; None for nowhere.
    decimal: digits after the point in print.
    """

    def __init__(self, name: str, export_path: str | Path | None = None, decimal: int = 2) -> None:
        self._name = name
        self._export_path = None if export_path is None else Path(export_path)
        self._decimal = decimal
        self._epochs: list[float] = []
        self._values: list[float] = []

    def __str__(self) -> str:
        return f"{self._name}: {self.value:.{self._decimal}f}"

    @property
    def name(self) -> str:
        """What it is called in print."""
        return self._name

    @property
    def export_path(self) -> Path | None:
        """Where it is written, None for nowhere."""
        return self._export_path

    @property
    def epochs(self) -> np.ndarray:
        """The recorded epochs, float64 (records,)."""
        return np.array(self._epochs, np.float64)

    @property
    def values(self) -> np.ndarray:
        """The recorded values, float64 (records,)."""
        return np.array(self._values, np.float64)

    @property
    def value(self) -> float:
        """The value last recorded, nan before the first."""
        return self._values[-1] if self._values else math.nan

    def record(self, epoch: float) -> float:
        """Keep and return the value of what was added since the last record; nan where there is nothing to tell."""
        self._epochs.append(float(epoch))
        self._values.append(float(self._compute()))
        self.reset()
        return self.value

    @abstractmethod
    def reset(self) -> None:
        """Forget what was added since the last record."""

    @abstractmethod
    def _compute(self) -> float:
        """The value of what was added."""

    def export(self) -> None:
        """Write ``<export_path>.npz`` with ``epochs`` and ``values``, and a plot of them, ``<export_path>.png``.

        The plot needs matplotlib, which bats_dt itself does not depend on; without it a warning says so.

        Raises
        ------
        ValueError: the monitor has no path.
        """
        if self._export_path is None:
            raise ValueError(f"monitor {self._name!r} has no export_path: pass one when it is made")
        path = self._export_path
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path.with_name(path.name + ".npz"), epochs=self.epochs, values=self.values)
        try:
            figures = importlib.import_module("matplotlib.figure")
        except ImportError:
            warnings.warn(
                f"matplotlib is not installed: {path.name}.npz was written, but no plot of it; pip install matplotlib",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        figure = figures.Figure()
        axes = figure.subplots()
        axes.plot(self.epochs, self.values)
        axes.set(xlabel="Epoch", ylabel=self._name)
        figure.savefig(path.with_name(path.name + ".png"))


def share_in_percent(part: float, whole: float) -> float:
    """100 part / whole, nan of nothing."""
    return 100.0 * part / whole if whole else math.nan
