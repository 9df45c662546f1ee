"""The step and the number of bins say the same thing twice: dt = duration / bins. Either gives the other."""

from __future__ import annotations

import math

_RELATIVE = 1e-9  # decimal fractions such as 0.3 / 0.004 are off by some 1e-16; a thousandth of a bin is not


def count_bins(duration: float, dt: float) -> int:
    """Bins of length `dt` that cover `duration` (same unit): ceil(duration / dt), the last may be shorter."""
    return max(1, math.ceil(duration / dt * (1 - _RELATIVE)))


def pair_seconds(dt: float | None, bins: int | None, duration: float) -> tuple[float | None, int | None]:
    """Step and bins of a run whose time is real-valued (BATS).

    dt, duration: seconds. Both None: exact continuous time, and both stay None.

    Raises:
        ValueError: dt or bins out of range, or the two contradict each other.
    """
    if bins is not None and bins < 1:
        raise ValueError(f"bins = {bins}, but at least one bin is needed; leave bins out for exact continuous time")
    if dt is None:
        return (None, None) if bins is None else (duration / bins, bins)
    if not dt > 0 or dt > duration * (1 + _RELATIVE):
        raise ValueError(
            f"dt = {dt:g} s, but a step must be above 0 and at most the simulated {duration:g} s; "
            "leave dt out for exact continuous time"
        )
    covering = count_bins(duration, dt)
    if bins is not None and bins != covering:
        raise ValueError(
            f"dt = {dt:g} s and bins = {bins} contradict each other: {duration:g} s in steps of {dt:g} s are "
            f"{covering} bins, and {bins} bins are steps of {duration / bins:g} s; give only one of the two"
        )
    return dt, covering


def pair_steps(dt: int | None, bins: int | None, steps: int) -> tuple[int, int]:
    """Step and bins of a run whose time is counted in fine steps (SLAYER).

    dt: fine steps; steps: the length of a recording, in fine steps. Both None: dt = 1, the undiscretised baseline.
    `bins` that do not divide `steps` give the nearest whole dt, and bins becomes what that dt really makes
    (300 steps in 37 bins: dt = 8, 38 bins).

    Raises:
        ValueError: dt or bins out of range, or the two contradict each other.
    """
    if bins is not None and not 1 <= bins <= steps:
        raise ValueError(f"bins = {bins}, but {steps} steps make between 1 and {steps} bins")
    nearest = None if bins is None else max(1, math.floor(steps / bins + 0.5))
    if dt is None:
        dt = 1 if nearest is None else nearest
    if not 1 <= dt <= steps:
        raise ValueError(
            f"dt = {dt}, but a step must be at least 1 fine step (dt = 1 is the undiscretised network) and at most "
            f"the {steps} steps of a recording"
        )
    covering = count_bins(steps, dt)
    if bins is not None and dt != nearest and bins != covering:
        raise ValueError(
            f"dt = {dt} and bins = {bins} contradict each other: {steps} steps in bins of {dt} are {covering} bins, "
            f"and {bins} bins are steps of {nearest}; give only one of the two"
        )
    return dt, covering
