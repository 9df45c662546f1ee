"""Several monitors as one."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from bats_dt.checks import instance
from bats_dt.monitors.base import AbstractMonitor


class MonitorsManager:
    """Records, prints and exports monitors together.

    Parameters
    ----------
    monitors: the monitors, in the order in which they are printed. print_prefix: what a printed line begins with.

    Raises
    ------
    TypeError: one of them is no monitor.
    """

    def __init__(self, monitors: Iterable[AbstractMonitor] = (), print_prefix: str = "") -> None:
        self._monitors: list[AbstractMonitor] = []
        self._print_prefix = print_prefix
        for monitor in monitors:
            self.add(monitor)

    def add(self, monitor: AbstractMonitor) -> None:
        """Add a monitor at the end."""
        instance("monitor", monitor, AbstractMonitor, "pass a monitor, for example LossMonitor()")
        self._monitors.append(monitor)

    def record(self, epoch: float) -> dict[str, float]:
        """Record all of them; returns their values by name."""
        return {monitor.name: monitor.record(epoch) for monitor in self._monitors}

    def print(self, epoch: float, decimal: int = 1) -> None:
        """Write one line to standard output: the epoch with ``decimal`` digits, and the last value of each monitor."""
        parts = [f"Epoch {epoch:.{decimal}f}", *map(str, self._monitors)]
        sys.stdout.write(f"{self._print_prefix}{' | '.join(parts)}\n")

    def export(self) -> None:
        """Export those that have an ``export_path``."""
        for monitor in self._monitors:
            if monitor.export_path is not None:
                monitor.export()
