"""A dense layer's spikes on a grid in the terms of upstream's bats, and the errors of spikes that follow another.

Upstream's backward pass knows of a spike its time, a_k, x_k and E_k only, from which it takes (EQUATIONS A.5, D =
reset/tau)

    dt_k/dr_i = D E_i / x_k  for its own earlier spikes i,      f_k = (tau/a_k) (1 + c E_k/x_k),      h_k = tau/x_k.

With the crossing at s_k, the potential's slope V' there, and the reset at r_k (the emitted time under snap and detect,
the crossing under published), the straight-through gradient has

    x_k = V' exp(s_k/tau),      E_k = exp(r_k/tau),      a_k = exp(s_k/tau) (x_k + c E_k),

which makes f_k and h_k those of the crossing and E_k that of the reset; under published a_k is A.5's a. A spike without
a crossing of its own moves as the spike before it: its error and its reset are added to that one's, and dividing by its
own x_k = 1e30 gives nothing.
"""

from __future__ import annotations

from typing import Any

from bats_dt.backend import array_module, to_numpy
from bats_dt.grid import TimeGrid
from bats_dt.kernels.spike_times import spike_times
from bats_dt.neuron import Neuron
from bats_dt.spikes import SpikeEvents

_LONGEST_RESPONSE = 30  # membrane time constants after which a potential is lost in rounding
_FOLLOWS = 1e30  # x of a spike without a crossing of its own


def spikes_on_grid(
    times: Any, weights: Any, c: float, reset_over_tau: float, tau: float, end: float, max_spikes: int, grid: TimeGrid
) -> tuple[Any, ...]:
    """What upstream's ``compute_spike_times`` returns, on a grid.

    times: float32 (batch, n_pre), rows ascending, inf at their ends [s]. weights: float32 (batch, n_post, n_pre), one
    an input spike. Arrays of NumPy or CuPy; results are of the same library.

    Returned: int32 counts (batch, n_post); float32 a, x, spike times [s], E (batch, n_post, max_spikes), inf where no
    spike is.

    Raises
    ------
    ValueError: dt is longer than the simulation or below the resolution of its times; the weights have diverged.
    """
    xp = array_module()
    given_times, given_weights = _to_backend(times), _to_backend(weights)
    here = xp.isfinite(given_times)
    # Every input spike is a neuron of its own, for here each has weights of its own
    n_inputs = int(here.sum())
    offsets = xp.concatenate([xp.zeros(1, "int64"), xp.cumsum(here.sum(axis=1)).astype("int64")])
    numbers = xp.arange(n_inputs, dtype="int32")
    inputs = SpikeEvents(offsets, given_times[here], numbers, xp.zeros_like(numbers), n_inputs, 1)
    latest = float(inputs.times.max()) if n_inputs else 0.0
    grid.check_span(end, latest + _LONGEST_RESPONSE * tau, inputs.times.dtype)
    by_input = xp.ascontiguousarray(given_weights.transpose(0, 2, 1)[here])
    emitted = spike_times(inputs, by_input, Neuron(tau / 2, c * tau, reset_over_tau * tau), end, max_spikes, grid)
    events = emitted.events
    spikes, counts = events.to_trains()

    crossings = inputs.times[emitted.last_input].astype("float64") + emitted.since_input
    resets = events.times.astype("float64") if emitted.reset_on_grid else crossings
    at_crossing = xp.exp(crossings / tau)
    own = emitted.inverse_slope > 0
    x = events.scatter(xp.where(own, at_crossing / xp.where(own, emitted.inverse_slope, 1.0), _FOLLOWS), xp.inf)
    at_reset = events.scatter(xp.exp(resets / tau), 0.0)
    _add_to_the_spike_before(events.scatter(~own, 0.0), at_reset)
    a = events.scatter(at_crossing, 1.0) * (x + c * at_reset)
    at_reset[xp.isinf(spikes)] = xp.inf
    return tuple(_as(times, result) for result in (counts, a, x, spikes, at_reset))


def hand_errors_on(x: Any, exponential: Any, errors: Any) -> None:
    """Add the error of a spike without a crossing of its own to that of the spike before it; in place, no gradient.

    x, exponential: as returned above, or by upstream's own kernels. errors: dL/dt, all (batch, n_post, max_spikes).
    """
    spiked = exponential < float("inf")
    follows = (spiked & (x == x.dtype.type(_FOLLOWS))).astype(errors.dtype)
    _add_to_the_spike_before(follows, errors)


def _add_to_the_spike_before(follows: Any, values: Any) -> None:
    """Add values (batch, n_post, slots) to those of the slot before where ``follows`` is 1, from the last on."""
    for slot in range(values.shape[2] - 1, 0, -1):
        values[..., slot - 1] += follows[..., slot] * values[..., slot]


def _to_backend(array: Any) -> Any:
    xp = array_module()
    return array if isinstance(array, xp.ndarray) else xp.asarray(to_numpy(array))


def _as(like: Any, array: Any) -> Any:
    """The array in the library of ``like``."""
    if isinstance(array, type(like)):
        return array
    if not hasattr(like, "__cuda_array_interface__"):
        return to_numpy(array)
    import cupy

    return cupy.asarray(array)
