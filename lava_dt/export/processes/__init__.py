"""Lava processes of exported networks, and their models for lava-nc's simulation of Loihi, in integers and floats.

Each process lies with its models in a folder of its own, and nothing else there: Lava's compiler executes every module
beside a process's.
"""

from lava_dt.export.processes.binning import GroupSum, Rebin
from lava_dt.export.processes.delay import SpikeDelay
from lava_dt.export.processes.lif import HeldLIF, SoftResetLIF
from lava_dt.export.processes.network import Block, Network

__all__ = ["Block", "GroupSum", "HeldLIF", "Network", "Rebin", "SoftResetLIF", "SpikeDelay"]
