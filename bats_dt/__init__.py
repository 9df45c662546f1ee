"""BATS, exact backpropagation through spikes, on any timestep: event-driven, without torch and without a GPU.

A script that imports from ``bats`` runs when it imports from ``bats_dt``: the names are the same here, and in the
modules ``Layers``, ``Losses``, ``Monitors``, ``Network`` and ``Optimizers``. New are a layer's ``grid=TimeGrid(dt)``,
``SilentLabelRemedy``, and ``set_backend``.
"""

from bats_dt.backend import get_backend, set_backend
from bats_dt.grid import TimeGrid
from bats_dt.layers import AbstractConvLayer, AbstractLayer
from bats_dt.losses import (
    AbstractLoss,
    SpikeCountClassLoss,
    SpikeCountLoss,
    SpikeTimeLoss,
    TTFSSoftmaxCrossEntropy,
)
from bats_dt.monitors import AbstractMonitor
from bats_dt.network import Network
from bats_dt.optimizers import AbstractOptimizer
from bats_dt.silent_labels import SilentLabelRemedy
from bats_dt.upstream_names import Layers, Losses, Monitors, Optimizers

__all__ = [
    "AbstractConvLayer",
    "AbstractLayer",
    "AbstractLoss",
    "AbstractMonitor",
    "AbstractOptimizer",
    "Layers",
    "Losses",
    "Monitors",
    "Network",
    "Optimizers",
    "SilentLabelRemedy",
    "SpikeCountClassLoss",
    "SpikeCountLoss",
    "SpikeTimeLoss",
    "TTFSSoftmaxCrossEntropy",
    "TimeGrid",
    "get_backend",
    "set_backend",
]
