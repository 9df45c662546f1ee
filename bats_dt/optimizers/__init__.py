"""Optimizers, with the class names and arguments of BATS."""

from bats_dt.optimizers.adam import AdamOptimizer, NAdamOptimizer
from bats_dt.optimizers.base import AbstractOptimizer
from bats_dt.optimizers.gradient_descent import GradientDescentOptimizer

__all__ = ["AbstractOptimizer", "AdamOptimizer", "GradientDescentOptimizer", "NAdamOptimizer"]
