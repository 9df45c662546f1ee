"""The numbers of the table: one row a step and scheme, and the largest steps that a tolerance allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from bats_dt.theory import (
    LIF,
    Comparison,
    Stepped,
    amplitude_error,
    compare,
    impulse_response,
    phase_error,
    turning_time,
)
from bats_dt.theory.truncation import ORDER

REGISTER = 1 << 12  # Loihi's decays are fractions of it
_LENGTH = 6  # of the longer time constant, for which a response to a spike is followed
_FINEST, _COARSEST = 1e-3, 10.0  # steps that are tried, in units of the shorter time constant
_MOST_STEPS = 200_000
_LATE = 1 - 1e-6  # of a step: a spike that just misses the next one


@dataclass(frozen=True)
class Finding:
    """What a scheme makes of the neuron at one step.

    stepped: the neuron. amplitude, phase: errors of the response at the bandwidth, relative and in degrees; nan above
    the Nyquist frequency. measured, bound, published: the largest error of the response to one spike on the grid; what
    bounds it; and the thesis's bound at that time; all relative to the peak of the exact response. anywhere: the
    largest error if the spike may come anywhere in its step. registers: 12-bit decays of u and i, saturated at 4096.
    rounding: the largest relative change of a decay that is not saturated by these 12 bits.
    """

    stepped: Stepped
    amplitude: float
    phase: float
    measured: float
    bound: float
    published: float
    anywhere: float
    registers: tuple[int, int]
    rounding: float

    @property
    def stability(self) -> str:
        """ "stable", "alternates" in sign, or "unstable"."""
        if not self.stepped.stable:
            return "unstable"
        return "alternates" if self.stepped.alternates else "stable"


def peak_of(lif: LIF) -> tuple[float, float]:
    """Time [s] and height of the largest potential after a spike of weight 1."""
    time = float(turning_time(lif, (0.0, 1 / lif.tau_syn)))
    return time, float(impulse_response(lif, time))


def find(stepped: Stepped) -> Finding:
    """All of it for one step and scheme."""
    lif, (_, peak) = stepped.lif, peak_of(stepped.lif)
    on_grid = _response(stepped, 0.0)
    worst = int(np.abs(on_grid.error).argmax())
    decays = [1 - kept for kept in stepped.poles]
    of_u, of_i = (min(round(REGISTER * decay), REGISTER) for decay in decays)
    pairs = zip((of_u, of_i), decays, strict=True)
    return Finding(
        stepped,
        float(amplitude_error(stepped, lif.bandwidth)),
        math.degrees(float(phase_error(stepped, lif.bandwidth))),
        on_grid.largest / peak,
        on_grid.bound / peak,
        float(on_grid.published[worst]) / peak,
        max(on_grid.largest, _response(stepped, _LATE).largest) / peak,
        (of_u, of_i),
        max((abs(register / (REGISTER * decay) - 1) for register, decay in pairs if decay <= 1), default=0.0),
    )


def largest_step(lif: LIF, scheme: str, tolerance: float, *, anywhere: bool = False) -> float:
    """The largest dt [s] that keeps the error of a spike's response within ``tolerance`` of its peak.

    It does so with all finer steps, too. anywhere: for a spike anywhere in its step, else for one on the grid. inf
    where the scheme is exact. Where the finest step that is tried is too coarse, its error is taken to fall with the
    scheme's order.
    """
    if scheme == "exponential" and not anywhere:
        return math.inf
    shorter, longer = sorted((lif.tau_mem, lif.tau_syn))
    _, peak = peak_of(lif)

    def excess(log_ratio: float) -> float:
        stepped = Stepped(lif, shorter * math.exp(log_ratio), scheme)
        error = max(_response(stepped, late).largest for late in ((0.0, _LATE) if anywhere else (0.0,)))
        return math.log(error / peak / tolerance)

    finest = max(_FINEST, _LENGTH * longer / shorter / _MOST_STEPS)
    below, order = math.log(finest), 1 if anywhere else ORDER[scheme]
    if excess(below) > 0:
        return shorter * math.exp(below - excess(below) / order)
    for above in np.linspace(below, math.log(_COARSEST), 24)[1:]:
        if excess(above) > 0:
            return shorter * math.exp(float(brentq(excess, below, above, xtol=1e-4)))
        below = above
    return shorter * math.exp(below)


def _response(stepped: Stepped, late: float) -> Comparison:
    """The neuron after one spike of weight 1, ``late`` steps after the beginning."""
    lif, dt = stepped.lif, stepped.dt
    return compare(stepped, [late * dt], [1.0], max(_LENGTH * max(lif.tau_mem, lif.tau_syn), 20 * dt))
