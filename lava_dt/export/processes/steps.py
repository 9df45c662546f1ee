"""When a process of a held or streaming network acts: its own count of steps, from Lava's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GridSteps:
    """The grid steps of dt fine steps, as a layer that runs ``offset`` steps behind training counts them (A.3).

    At Lava's step n the layer is at step s = n - offset. Grid steps are the multiples of dt; of samples that follow
    each other, with s counted anew in each, also a sample's last step, which ends a shorter bin.

    Args:
        dt: fine steps in a bin, >= 1.
        offset: steps behind training; negative where the layer is ahead.
        sample: (steps of a sample, period from sample to sample), or None for one that never ends. Between its last
            step and the next sample nothing acts.

    Raises:
        ValueError: dt below 1, or a sample that does not fit into its period.
    """

    dt: int
    offset: int = 0
    sample: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.dt < 1:
            raise ValueError(f"dt is {self.dt}: it must be 1 or more fine steps")
        if self.sample is not None and not 1 <= self.sample[0] <= self.sample[1]:
            raise ValueError(
                f"sample is {self.sample}: pass (steps of a sample, period from sample to sample), the period no "
                "shorter than the sample and that 1 step or more"
            )

    def acts(self, time_step: int) -> bool:
        """Whether Lava's step ``time_step``, from 1, is a grid step."""
        step = time_step - self.offset
        if self.sample is None:
            return step >= 1 and step % self.dt == 0
        steps, period = self.sample
        step = (step - 1) % period + 1
        return step <= steps and (step % self.dt == 0 or step == steps)


@dataclass(frozen=True)
class Resets:
    """Lava's steps at which a process forgets its state, as lava-nc's LIFReset counts them.

    Args:
        interval: steps from reset to reset; None: never.
        offset: the first.

    Raises:
        ValueError: an interval below 1.
    """

    interval: int | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        if self.interval is not None and self.interval < 1:
            raise ValueError(f"reset_interval is {self.interval}: it must be 1 step or more, or None for no resets")

    def due(self, time_step: int) -> bool:
        return self.interval is not None and (time_step - self.offset) % self.interval == 0

    def options(self) -> dict[str, Any]:
        """As arguments of a process; none where there are no resets."""
        return {} if self.interval is None else {"reset_interval": self.interval, "reset_offset": self.offset}
