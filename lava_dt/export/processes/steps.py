"""When a process of a held or streaming network acts: its own count of steps, from Lava's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GridSteps:
    """The grid steps of dt fine steps, as a layer that runs ``offset`` steps behind training counts them (A.3).

    At Lava's step n the layer is at step s = n - offset, and the multiples of dt are grid steps. Of samples that follow
    each other s is counted anew in each, and nothing happens from the end of a sample's last bin to the next sample.

    Args:
        dt: fine steps in a bin, >= 1.
        offset: steps behind training; negative where the layer is ahead.
        sample: (steps of a sample, period from sample to sample), or None for one that never ends.

    Raises:
        ValueError: dt below 1, or a sample whose bins do not fit into its period.

    Notes:
        In training a last bin that is shorter than dt ends with the sample, and what would arrive behind that is
        delivered at its last step. Here it goes on to its own end, which comes to the same.
    """

    dt: int
    offset: int = 0
    sample: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.dt < 1:
            raise ValueError(f"dt is {self.dt}: it must be 1 or more fine steps")
        if self.sample is not None and not 1 <= self.sample[0] <= self.last <= self.sample[1]:
            raise ValueError(
                f"sample is {self.sample} at dt={self.dt}: pass (steps of a sample, period from sample to sample), 1 "
                "step or more, and a period that holds all its bins"
            )

    @property
    def last(self) -> int:
        """The last grid step of a sample; 0 without samples."""
        return 0 if self.sample is None else -(-self.sample[0] // self.dt) * self.dt

    def acts(self, time_step: int) -> bool:
        """Whether Lava's step ``time_step``, from 1, is a grid step."""
        step = time_step - self.offset
        if self.sample is None:
            return step >= 1 and step % self.dt == 0
        step = (step - 1) % self.sample[1] + 1
        return step <= self.last and step % self.dt == 0


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

    def check_grid(self, dt: int, sample: tuple[int, int] | None) -> None:
        """Refuses resets within a bin, behind which the bins of a new sample would go on as those of the old one.

        Args:
            dt, sample: those of `GridSteps`.

        Raises:
            ValueError: an interval or offset that is no multiple of dt, or with samples of their period.
        """
        whole, name = (dt, "dt") if sample is None else (sample[1], "the samples' period")
        if self.interval is not None and (self.interval % whole or self.offset % whole):
            raise ValueError(
                f"reset_interval is {self.interval} and reset_offset {self.offset}: on the held clock both must be "
                f"multiples of {name}, {whole}, or a sample would begin within a bin of the one before; pass "
                "sample=(steps, period) for samples that end within a bin, and its period as reset_interval"
            )

    def options(self) -> dict[str, Any]:
        """As arguments of a process; none where there are no resets."""
        return {} if self.interval is None else {"reset_interval": self.interval, "reset_offset": self.offset}
