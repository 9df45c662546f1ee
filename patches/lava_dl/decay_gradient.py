"""lava-dl-decay-gradient: learnable decays learn in the right direction, by the right amount.

The backward pass of lava-dl's leaky integrator, on the CPU and in its CUDA extension, returns sum_t dE/dy[t] y[t-1]
for a decay in units of 1/4096: the factor -1/4096 of the recurrence is missing, y[t-1] is taken before its reset, and
the initial state does not count. Here the gradient is that of :mod:`patches.integrators.decay_gradient`; outputs and
all other gradients stay upstream's. CuBa and ALIF neurons call the integrator, so both are repaired; resonators have
dynamics of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patches.layer import Layer
from patches.patch import Patch


def _with_gradient(below: Callable[..., Any]) -> Callable[..., Any]:
    from patches.integrators.decay_gradient import with_decay_gradient

    return with_decay_gradient(below)


PATCH = Patch(
    name="lava-dl-decay-gradient",
    reason="the gradient of learnable decays lacks the factor -1/4096: training them climbs the loss",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        Layer("lava.lib.dl.slayer.neuron.dynamics.leaky_integrator", "dynamics", ("669b87f73fac5bea",), _with_gradient),
    ),
)
