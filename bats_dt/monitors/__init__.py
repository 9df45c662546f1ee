"""Figures of the training, one value an epoch, with the class names and arguments of BATS."""

from bats_dt.monitors.base import AbstractMonitor
from bats_dt.monitors.manager import MonitorsManager
from bats_dt.monitors.scores import AccuracyMonitor, LossMonitor, TimeMonitor, ValueMonitor
from bats_dt.monitors.spikes import (
    DeadLabelsMonitor,
    SilentLabelsMonitor,
    SilentNeuronsMonitor,
    SpikeCountMonitor,
    WeightsNormMonitor,
)

__all__ = [
    "AbstractMonitor",
    "AccuracyMonitor",
    "DeadLabelsMonitor",
    "LossMonitor",
    "MonitorsManager",
    "SilentLabelsMonitor",
    "SilentNeuronsMonitor",
    "SpikeCountMonitor",
    "TimeMonitor",
    "ValueMonitor",
    "WeightsNormMonitor",
]
