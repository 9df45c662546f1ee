"""Layers of spiking neurons, with the class names and arguments of BATS."""

from bats_dt.layers.base import AbstractLayer
from bats_dt.layers.input import InputLayer
from bats_dt.layers.lif import LIFLayer

__all__ = ["AbstractLayer", "InputLayer", "LIFLayer"]
