"""bats-timestep: layers of upstream's bats spike on a grid, in a script that stays as it is.

    import patches, bats_dt
    patches.apply("bats-timestep", grid=bats_dt.TimeGrid(dt=0.004, rule="snap"))
    ...  # import bats, build and train as ever: every LIFLayer emits at multiples of 4 ms

What upstream's `LIFLayer` calls to find its spikes, `compute_spike_times`, is replaced by `bats_dt`'s kernel on that
grid (`patches.bats.spikes_on_grid`): the spikes are those of a `bats_dt.layers.LIFLayer(..., grid=grid)` with the same
weights and inputs. Convolutional layers have a kernel of their own and stay in continuous time; inputs are the caller's
to encode (`TimeGrid.encode`).

Upstream's backward pass computes with what is kept of every spike, which is chosen such that the gradient is the
straight-through one, to rounding, for inputs that lie on the same grid (those of layers on it do) under snap and
detect, and for any inputs under published. In front of it stands one thing: the error of a spike that has no crossing
of its own, of a neuron that stayed above threshold after its reset, is handed to the spike before.

Notes:
    Inexact for inputs off the grid under snap and detect: upstream takes for causal what came before the emitted time,
    so that an input between a crossing and its grid point counts, which came too late; with as little as an input
    less than dt away moves a crossing. From below 0.1 % (dt = 1 ms) to 2 % (10 ms) of a layer's largest gradient have
    been seen, at tau_s = 130 ms.
    Slopes near 0 are bounded as in `bats_dt`. Spikes are found at any time; the gradient, as upstream's, only up to
    44 tau, where a overflows float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from patches.binding import Binding
from patches.change import Change, Replacement
from patches.option import Option
from patches.patch import Patch


def _on_grid(below: Callable[..., Any], grid: Any) -> Callable[..., Any]:
    from patches.bats.spikes_on_grid import spikes_on_grid

    @functools.wraps(below)
    def compute_spike_times(
        spike_times: Any, exp_tau_s: Any, exp_tau: Any, spike_weights: Any,
        c: Any, delta_theta_tau: Any, tau: Any, max_simulation: Any, max_n_post_spikes: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        constants = (float(c), float(delta_theta_tau), float(tau), float(max_simulation))
        return spikes_on_grid(spike_times, spike_weights, *constants, int(max_n_post_spikes), grid)

    return compute_spike_times


def _handing_on(below: Callable[..., Any], grid: Any) -> Callable[..., Any]:
    from patches.bats.spikes_on_grid import hand_errors_on

    @functools.wraps(below)
    def propagate_recurrent_errors(x: Any, exp_tau: Any, errors: Any, delta_theta_tau: Any) -> None:
        hand_errors_on(x, exp_tau, errors)
        below(x, exp_tau, errors, delta_theta_tau)

    return propagate_recurrent_errors


def _check_grid(grid: Any) -> Any:
    from bats_dt.grid import TimeGrid

    if not isinstance(grid, TimeGrid):
        raise TypeError(
            f"grid is {grid!r}: pass a bats_dt.TimeGrid, for instance TimeGrid(dt=0.004); for continuous time go "
            "without the patch"
        )
    return grid


def _everywhere(wrappers: str, name: str, fingerprint: str, make: Callable[..., Any]) -> tuple[Change, ...]:
    """The change to a wrapper where it is defined, and wherever upstream has bound its name at import."""
    package = f"bats.CudaKernels.Wrappers.{wrappers}"
    replacement = Replacement(f"{package}.{name}", name, (fingerprint,), make)
    holders = (package, "bats.Layers.LIFLayer", "bats.Layers.ConvLIFLayer")
    return (replacement, *(Binding(module, name, replacement) for module in holders))


def timestep(forward: str, backward: str) -> Patch:
    """The patch, for a checkout whose two functions have these fingerprints."""
    return Patch(
        name="bats-timestep",
        reason="upstream's bats knows continuous time only: here its dense layers spike on a grid",
        package="bats",
        commit="d8dce59",
        changes=(
            *_everywhere("Inference", "compute_spike_times", forward, _on_grid),
            *_everywhere("Backpropagation", "propagate_recurrent_errors", backward, _handing_on),
        ),
        options=(Option(name="grid", meaning="a bats_dt.TimeGrid", check=_check_grid, required=True),),
    )


PATCH = timestep("5f5bd7e147b77c5c", "40f445e2543a268a")
