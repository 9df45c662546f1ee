"""What a Lava network must receive for the samples that the trained one takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_dt.export.description import Layer
from lava_dt.export.processes.binning.process import LARGEST_MESSAGE
from lava_dt.timestep import Timestep


@dataclass(frozen=True)
class Encoding:
    """How samples travel.

    Attributes:
        shape: of the Lava network's port.
        block: the input block with neurons, to which analog values go; None without.
        message_bits: of what the port takes; 0: spikes of 0 or 1.
        bins: the timestep whose grid steps the samples' fine steps are binned to, in Lava or, before an input block,
            here; None where a step of the samples is one of the network.
        saturate: bins hold 0 or 1.
    """

    shape: tuple[int, ...]
    block: Layer | None
    message_bits: int
    bins: Timestep | None = None
    saturate: bool = False

    def encode(self, spikes: np.ndarray) -> np.ndarray:
        """As `Network.encode`."""
        spikes = np.asarray(spikes)
        shape = self.shape
        one_axis = len(shape) == 1 and int(np.prod(spikes.shape[1:-1])) == shape[0]
        if spikes.ndim < 3 or not (one_axis or spikes.shape[-2:0:-1] == shape):
            raise ValueError(
                f"the input has shape {spikes.shape} but the network takes (batch, {', '.join(map(str, shape[::-1]))}, "
                "time)"
            )
        values = self._messages(spikes) if self.block is None else self._drive(spikes, self.block)
        if one_axis:
            return values.reshape(len(values), shape[0], -1).transpose(0, 2, 1)
        return values.transpose(0, values.ndim - 1, *range(values.ndim - 2, 0, -1))

    def _messages(self, spikes: np.ndarray) -> np.ndarray:
        if not np.array_equal(spikes, np.rint(spikes)) or spikes.min(initial=0) < 0:
            raise ValueError(
                "the input has values that are negative or not whole: pass spikes, 0 or 1, or their counts"
            )
        largest = int(spikes.max(initial=0))
        if self.bins is not None and not self.saturate:
            largest = int(_binned(spikes, self.bins).max(initial=0))
        if largest > LARGEST_MESSAGE:
            raise ValueError(
                f"the input has a count of {largest}: a graded spike carries 8 bits, 255 at most; use a smaller dt, or "
                "lava_dt.rebin(spikes, dt, saturate=True) in training and here"
            )
        if self.bins is None and largest > 1 and largest >> self.message_bits:
            taken = f"counts up to {(1 << self.message_bits) - 1}" if self.message_bits > 1 else "spikes of 0 or 1"
            raise ValueError(
                f"the input has counts up to {largest}, which travel as graded spikes, and this Lava network takes "
                f"{taken}: build it with to_lava(..., input_message_bits=8)"
            )
        return spikes.astype(np.int32)

    def _drive(self, values: np.ndarray, block: Layer) -> np.ndarray:
        """What the block's neurons get: lava-dl's affine transform in integers of 1/64, at grid steps only."""
        if self.bins is not None:
            values = _binned(values, self.bins)
        value = np.rint(values.astype(np.float64) * 32) * 2
        if block.timestep.dt == 1:
            value = np.clip(value, -256, 254)  # lava-dl's 8 bits; sums over a bin are not cut
        drive = value * (64 if block.weight is None else int(block.weight)) / 64
        drive = drive + (0 if block.bias is None else int(block.bias))
        if not np.array_equal(drive, np.rint(drive)):
            raise ValueError(
                "an input value times the input block's weight is not a whole number of 1/64, which is as fine as "
                "Loihi's activation is: round the inputs (whole numbers always fit), or use weight=None"
            )
        if self.bins is None:
            return drive.astype(np.int32)
        dt = self.bins.dt
        laid = np.zeros((*drive.shape[:-1], drive.shape[-1] * dt), np.int32)
        laid[..., dt - 1 :: dt] = drive
        return laid


def _binned(values: np.ndarray, timestep: Timestep) -> np.ndarray:
    """(..., T) -> (..., bins): the sum of each bin, or its last value where the others are dropped."""
    steps, dt = values.shape[-1], timestep.dt
    if timestep.between == "drop":
        return values[..., np.minimum(np.arange(dt, steps + dt, dt), steps) - 1]
    return np.add.reduceat(values, np.arange(0, steps, dt), axis=-1) if steps else values
