"""The simulation timestep of BATS: which times a spike may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bats_dt.checks import real_number, whole_number

RULES = ("snap", "detect", "published")
_NEEDED = "a timestep must be finite and above 0; for exact continuous time pass no grid at all (grid=None)"


@dataclass(frozen=True)
class TimeGrid:
    """The times n dt at which a layer may emit (EQUATIONS A.6).

    Parameters
    ----------
    dt: the timestep [s].
    rule:
        ``"snap"`` [A18, A19]: the exact crossing of the threshold is moved to the next grid point, whatever
        the potential is by then; a crossing exactly on the grid moves a whole dt, as A19 is printed.
        ``"detect"``: the neuron is observed at grid points only and emits at the first one at which its
        potential is at or above the threshold; a crossing that has decayed by then is missed.
        ``"published"``: what the published code computes. The first grid point after the exact crossing, if it lies
        after the last event and up to the next input, and the potential there + 1e-4 is at or above the threshold;
        otherwise no spike until the next input, with which the crossing is computed anew. The reset is at the exact
        crossing. This mutes neurons: one that is still above the threshold after its spike has its next
        crossing in a step that is over, and is silent for as long as it stays above. For layers with
        tau_mem = 2 tau_syn only, to repeat published figures.

    With snap and detect the reset is applied at the grid time that is emitted, and a neuron that is still above
    threshold after its reset fires again one step later: none falls silent because of the grid. With every rule
    a neuron emits at most once a step. Grid times are n * dt in float64, rounded once to the dtype of the array that
    holds them: layers on one grid agree exactly.

    Raises
    ------
    ValueError: dt is not finite and above 0, or the rule is unknown. TypeError: dt is no number.
    """

    dt: float
    rule: str = "snap"

    def __post_init__(self) -> None:
        dt = real_number("dt", self.dt, _NEEDED)
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"dt is {dt} s: {_NEEDED}")
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}: pass one of {', '.join(map(repr, RULES))}")
        object.__setattr__(self, "dt", dt)

    @classmethod
    def from_bins(cls, duration: float, bins: int, rule: str = "snap") -> TimeGrid:
        """The grid that divides ``duration`` [s] into ``bins`` steps, dt = duration / bins (EQUATIONS A.7)."""
        duration = real_number("duration", duration, "pass the seconds that are divided into bins")
        return cls(duration / whole_number("bins", bins, "at least 1 is needed, a whole number"), rule)

    def times(self, indices: Any, dtype: Any = np.float32) -> np.ndarray:
        """Grid times n dt [s] of the grid points ``indices``, any shape."""
        return (np.asarray(indices, np.float64) * self.dt).astype(dtype)

    def encode(self, times: Any) -> np.ndarray:
        """Move times up to the next grid point; those on the grid stay (0 stays 0, inf stays inf).

        ``times``: float32 or float64, any shape [s]. Returned: same shape and dtype. On the grid means within
        four roundings of a grid point, so that times computed in the array's own precision count.
        """
        times = np.asarray(times)
        if times.dtype not in (np.float32, np.float64):
            times = times.astype(np.float32)
        position = times.astype(np.float64) / self.dt
        nearest = np.rint(position)
        slack = 4 * np.finfo(times.dtype).eps * np.maximum(np.abs(nearest), 1)
        with np.errstate(invalid="ignore"):  # inf - inf
            on_grid = np.abs(position - nearest) <= slack
        return self.times(np.where(on_grid, nearest, np.ceil(position)), times.dtype)

    def check_span(self, max_simulation: float, latest_spike: float, dtype: Any) -> None:
        """Refuse a dt that is longer than the simulation or below the resolution of its times.

        ``max_simulation``: end of the simulation [s]. ``latest_spike``: time up to which spikes are to be expected [s].
        """
        if self.dt > max_simulation:
            raise ValueError(
                f"dt is {self.dt} s but the simulation ends at {max_simulation} s, before the first grid "
                "point: pass a smaller dt or a larger max_simulation"
            )
        span = min(max_simulation, latest_spike)
        resolution = 4 * float(np.finfo(dtype).eps) * span
        if self.dt < resolution:
            raise ValueError(
                f"dt is {self.dt} s but {np.dtype(dtype).name} resolves only {resolution:.1e} s at {span} s: "
                "pass a larger dt, or no grid for continuous time"
            )
