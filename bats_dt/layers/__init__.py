"""Layers of spiking neurons, with the class names and arguments of BATS."""

from bats_dt.layers.base import AbstractLayer
from bats_dt.layers.clocked_lif import ClockedLIFLayer
from bats_dt.layers.conv_input import ConvInputLayer
from bats_dt.layers.conv_lif import ConvLIFLayer
from bats_dt.layers.input import InputLayer
from bats_dt.layers.lif import LIFLayer
from bats_dt.layers.maps import AbstractConvLayer
from bats_dt.layers.pooling import PoolingLayer

__all__ = [
    "AbstractConvLayer",
    "AbstractLayer",
    "ClockedLIFLayer",
    "ConvInputLayer",
    "ConvLIFLayer",
    "InputLayer",
    "LIFLayer",
    "PoolingLayer",
]
