"""`Neurons` and `State`: what the fused kernels need to know of CuBa neurons, in Loihi's integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor

P_BITS = 12  # decays are fractions of 2**12


@dataclass(frozen=True)
class Neurons:
    """CuBa neurons; each tensor (1,), shared, or (n,), in the order of the last axis of the drive. None is written to.

    Args:
        current_decay, voltage_decay: int64 in [0, 4096], what a step loses, in 1/4096.
        threshold: int64 > 0, in 1/scale.
        scale: integers per real unit of current and voltage, a power of two (lava-dl's s_scale).
        soft_reset: subtract the threshold at a spike instead of setting the voltage to zero.
        surrogate_width: float64 > 0, tau_rho in real units.
        surrogate_scale: scale_rho.

    Raises:
        TypeError: tensors of another type.
        ValueError: values outside their range, or a scale that is no power of two.
    """

    current_decay: Tensor
    voltage_decay: Tensor
    threshold: Tensor
    scale: int
    soft_reset: bool
    surrogate_width: Tensor
    surrogate_scale: float

    def __post_init__(self) -> None:
        for name in ("current_decay", "voltage_decay", "threshold", "surrogate_width"):
            wanted = torch.float64 if name == "surrogate_width" else torch.int64
            values = getattr(self, name)
            if values.dtype != wanted:
                raise TypeError(f"{name} is {values.dtype}: it needs {wanted}; convert it with .to({wanted})")
            if values.dim() != 1 or not values.numel():
                raise ValueError(f"{name} has shape {tuple(values.shape)}: give (1,), or (n,) with one value a neuron")
        for name, (low, high) in zip(("current_decay", "voltage_decay"), self.ranges, strict=False):
            if low < 0 or high > 1 << P_BITS:
                raise ValueError(f"{name} reaches from {low} to {high}: it must lie in [0, 4096], in 1/4096 a step")
        if self.ranges[2][0] < 1:
            raise ValueError(f"the threshold is {self.ranges[2][0]}: it must be 1/scale or more")
        if not self.surrogate_width.min() > 0:
            raise ValueError(f"the surrogate's width is {self.surrogate_width.min().item()}: it must be positive")
        if self.scale < 1 or self.scale & (self.scale - 1):
            raise ValueError(
                f"scale is {self.scale}: the fused kernels need a power of two, so that integers and real units "
                "convert without rounding; use the leaky integrator for another scale"
            )

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """Smallest and largest current decay, voltage decay and threshold."""
        each = (torch.aminmax(values) for values in (self.current_decay, self.voltage_decay, self.threshold))
        return [(low, high) for low, high in torch.stack([torch.stack(tuple(ends)) for ends in each]).tolist()]

    @cached_property
    def arrays(self) -> dict[Any, NDArray[Any]]:
        """What the CPU's kernels have made of the parameters (`parameters`)."""
        return {}

    def check_count(self, n: int) -> None:
        """Refuses parameters that are neither shared nor one a neuron."""
        for name in ("current_decay", "voltage_decay", "threshold", "surrogate_width"):
            count = getattr(self, name).numel()
            if count not in (1, n):
                raise ValueError(f"{name} has {count} values but there are {n} neurons: give one, or one a neuron")


@dataclass(frozen=True)
class State:
    """What CuBa neurons carry from one call to the next; without gradient.

    Args:
        current: (batch, n) int64, in 1/scale.
        voltage: (batch, n) int64, in 1/scale, after the reset.
        tail: (batch, hop, n) float32, the spikes of the last ``hop`` steps, which arrive in the next call.
    """

    current: Tensor
    voltage: Tensor
    tail: Tensor
    resting: ClassVar[bool] = False  # whether all of it is known to be zero, and nobody has to look

    @staticmethod
    def rest(batch: int, n: int, hop: int, device: torch.device) -> State:
        """Neurons that have received nothing."""
        current, voltage = (torch.zeros((batch, n), dtype=torch.int64, device=device) for _ in range(2))
        return _Resting(current, voltage, torch.zeros((batch, hop, n), dtype=torch.float32, device=device))

    def check(self, batch: int, n: int, hop: int) -> None:
        """Refuses a state of another batch, number of neurons or hop, or of other types."""
        for name, shape, dtype in (
            ("current", (batch, n), torch.int64),
            ("voltage", (batch, n), torch.int64),
            ("tail", (batch, hop, n), torch.float32),
        ):
            value = getattr(self, name)
            if value.shape != shape or value.dtype != dtype:
                raise ValueError(
                    f"the state's {name} is {tuple(value.shape)} {value.dtype}: this call needs {shape} {dtype}; start "
                    "anew without a state where the batch, the neurons or the hop change"
                )


class _Resting(State):
    resting = True
