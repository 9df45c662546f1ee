"""Losses on spike trains, with the class names and arguments of BATS."""

from bats_dt.losses.base import AbstractLoss
from bats_dt.losses.spike_count import SpikeCountClassLoss

__all__ = ["AbstractLoss", "SpikeCountClassLoss"]
