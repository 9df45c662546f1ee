"""Losses on spike trains, with the class names and arguments of BATS, and the van Rossum distance."""

from bats_dt.losses.base import AbstractLoss
from bats_dt.losses.first_spike import TTFSSoftmaxCrossEntropy
from bats_dt.losses.spike_count import SpikeCountClassLoss, SpikeCountLoss
from bats_dt.losses.spike_time import SpikeTimeLoss
from bats_dt.losses.van_rossum import VanRossumClassLoss, VanRossumLoss

__all__ = [
    "AbstractLoss",
    "SpikeCountClassLoss",
    "SpikeCountLoss",
    "SpikeTimeLoss",
    "TTFSSoftmaxCrossEntropy",
    "VanRossumClassLoss",
    "VanRossumLoss",
]
