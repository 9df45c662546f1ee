"""lava-dl's CuBa networks at any timestep, and their way to Lava.

Importing this package applies the `modern-python` patches that the installed lava-nc and lava-dl need on the running
Python, NumPy and torch (none on their official pins).
"""

import contextlib
import io

import patches

patches.apply("modern-python")

with contextlib.redirect_stdout(io.StringIO()):  # lava-dl prints advice about a toolbox nobody here asked for
    from lava_dt import export as export  # its names import Lava when they are used
    from lava_dt import nir as nir  # its names import the package nir when they are used
    from lava_dt.block import cuba
    from lava_dt.convert import discretize
    from lava_dt.explanation import Explanation
    from lava_dt.loss import SamplingTime
    from lava_dt.neuron import Neuron
    from lava_dt.time_axis import rebin
    from lava_dt.time_constants import decay, time_constant
    from lava_dt.timestep import Timestep

__all__ = [
    "Explanation",
    "Neuron",
    "SamplingTime",
    "Timestep",
    "cuba",
    "decay",
    "discretize",
    "export",
    "nir",
    "rebin",
    "time_constant",
]
