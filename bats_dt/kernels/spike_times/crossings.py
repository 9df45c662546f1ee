"""The scalar arithmetic of one neuron between two inputs, in float64: where its potential goes, and when it crosses.

Everything is relative to a moving origin: the last input, or the neuron's own spike after it. With V and I the
potential and the current there, after s seconds (bats_dt.neuron)

    I(s) = exp(-s/tau_syn) I,    V(s) = exp(-s/tau_mem) V + g(s) I,    V'(s) = I(s) - V(s)/tau_mem

and V has one extremum at most. While V < theta, an upward crossing needs V' > 0 at the origin and I > 0. In closed
form, tau_mem = 2 tau_syn = tau and y = exp(-s/tau), it is the larger root of a y^2 - b y + theta = 0 with a = tau I
and b = V + a (EQUATIONS A.5 times tau); otherwise V is searched where it rises, up to its peak.

These functions take and return numbers only: Numba counts a reference for every array at every call, atomically.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from bats_dt.kernels.spike_times import LEAST_SLOPE
from bats_dt.neuron import Neuron

NONE = -1.0  # no crossing
MOST_STEPS = 120  # of a search; at least every other one halves its interval, down to a rounding of its length
ROUNDING = 2.0**-53

_jit = njit(cache=True, error_model="numpy")


class Constants(NamedTuple):
    """Of a layer: its neuron's tau_mem, tau_syn [s], delta [1/s], theta, reset; grid step [s]; closed form; float32."""

    tau_mem: float
    tau_syn: float
    delta: float
    theta: float
    reset: float
    dt: float
    closed: bool
    single: bool

    @classmethod
    def of(cls, neuron: Neuron, dt: float, dtype: np.dtype) -> Constants:
        """Constants of a layer of ``neuron`` whose arrays have ``dtype``; ``dt``: 0 in continuous time."""
        return cls(
            neuron.tau_mem, neuron.tau_syn, neuron.delta, neuron.threshold, neuron.reset, dt,
            neuron.closed_form, dtype == np.float32,
        )  # fmt: skip


@_jit
def factors(s, constants):
    """exp(-s/tau_mem), exp(-s/tau_syn) and g(s) for s >= 0; inf gives zeros."""
    decay = np.exp(-s / constants.tau_mem)
    if constants.closed:
        square = decay * decay
        return decay, square, constants.tau_mem * (decay - square)
    decay_i = np.exp(-s / constants.tau_syn)
    delta = abs(constants.delta)  # g is symmetric in the time constants: with the slower one outside nothing overflows
    slower = max(decay, decay_i)
    if slower == 0.0:
        return decay, decay_i, 0.0
    return decay, decay_i, slower * (-np.expm1(-delta * s) / delta if delta > 0.0 else s)


@_jit
def moved(v, i, s, constants):
    """V(s) and I(s)."""
    decay, decay_i, response = factors(s, constants)
    return decay * v + response * i, decay_i * i


@_jit
def next_crossing(v, i, left, constants):
    """Seconds to the first time in [0, left] with V >= theta, and V and I there; or ``NONE``, and V and I here."""
    if v >= constants.theta:
        return 0.0, v, i
    a = constants.tau_mem * i
    if not (a > v and a > 0.0):
        return NONE, v, i  # it only falls, or rises to 0 at most
    if not constants.closed:
        return _searched_crossing(v, i, left, constants)
    y = min(crossing_root(v, i, constants), 1.0)
    if y == 0.0:
        return NONE, v, i
    s = -constants.tau_mem * np.log(y)
    if s > left:
        return NONE, v, i
    return s, constants.theta, i * y * y


@_jit
def crossing_root(v, i, constants):
    """y = exp(-s/tau) at the upward crossing in closed form; above 1 if it lies before the origin, 0 for none."""
    a = constants.tau_mem * i
    b = v + a
    square = b * b - 4.0 * a * constants.theta
    if not (a > 0.0 and b > 0.0 and square >= 0.0):
        return 0.0
    return (b + np.sqrt(square)) / (a + a)


@_jit
def time_to_peak(v, i, constants):
    """Seconds to the maximum of a V that rises, V' > 0 and I > 0; inf if it rises for ever, to 0."""
    # V'(s) = 0 where exp(-delta s) = 1 + delta tau_syn (V / (I tau_mem) - 1)
    ahead = constants.tau_syn * (1.0 - v / (i * constants.tau_mem))
    if constants.delta == 0.0:
        return ahead
    if constants.delta * ahead >= 1.0:
        return np.inf
    return -np.log1p(-constants.delta * ahead) / constants.delta


@_jit
def _searched_crossing(v, i, left, constants):
    """``next_crossing`` of a V < theta that rises: Newton's method, or bisection where its steps do not converge."""
    low = 0.0
    high = min(time_to_peak(v, i, constants), left)
    smallest = ROUNDING * high
    s = high
    v_s, i_s = moved(v, i, s, constants)
    if not v_s >= constants.theta * (1.0 - 8.0 * ROUNDING):  # one found once is found at the end of its interval
        return NONE, v, i
    width = high
    for _ in range(MOST_STEPS):
        if v_s >= constants.theta:  # V rises from low to high, and is below theta at low only
            high = s
        else:
            low = s
        slope = i_s - v_s / constants.tau_mem
        step = (constants.theta - v_s) / slope if slope > 0.0 else np.inf
        if not (low <= s + step <= high and abs(step) <= 0.5 * width):
            step = 0.5 * (low + high) - s
        width = abs(step)
        if width <= smallest:
            break
        s += step
        v_s, i_s = moved(v, i, s, constants)
    return s, constants.theta, i_s


@_jit
def slope_at(v, i, constants):
    """dV/dt where the potential is v and the current i."""
    return i - v / constants.tau_mem


@_jit
def bounded_slope(slope, constants):
    """A slope at a crossing, or the least that is told of any."""
    return max(slope, LEAST_SLOPE * constants.theta / constants.tau_mem)


@_jit
def rounded(t, single):
    """A time as the arrays of the layer hold it."""
    return np.float64(np.float32(t)) if single else t


@_jit
def grid_time_after(t, constants):
    """The first grid time n dt above t, n dt rounded to the dtype of the layer."""
    n = np.floor(t / constants.dt)
    time = rounded(n * constants.dt, constants.single)
    while time > t:
        n -= 1.0
        time = rounded(n * constants.dt, constants.single)
    while time <= t:
        n += 1.0
        time = rounded(n * constants.dt, constants.single)
    return time


@_jit
def grid_time_from(t, last, constants):
    """The first grid time at or after t that is above ``last``, the time of the last event."""
    if t <= last:
        return grid_time_after(last, constants)
    after = grid_time_after(t, constants)
    before = rounded((np.rint(after / constants.dt) - 1.0) * constants.dt, constants.single)
    return before if before == t and before > last else after
