"""Optimizers, with the class names and arguments of BATS."""

from bats_dt.optimizers.adam import AdamOptimizer
from bats_dt.optimizers.base import AbstractOptimizer

__all__ = ["AbstractOptimizer", "AdamOptimizer"]
