"""published-protocol: what the published code of the time-discretised SLAYER computes, on plain lava-dl.

EQUATIONS A.3 describes it in six points.

    with patches.applied("published-protocol", dt=10, backward="cuda"):
        ...  # train and evaluate a network of slayer.block.cuba

The points, and who sees to them:

(i)   The recordings are binned with sampling_time = dt beforehand, so that the mask acts on bins: the caller's data.
(ii)  Decays are per entry of the time axis and are not scaled with dt: nothing to do.
(iii) In CuBa neurons every step is integrated, but the voltage is visible, and compared and reset, at the grid steps
      only; elsewhere it reads 0, which the spike function takes as silence.
(iv)  Evaluation runs at dt = 1: a neuron in ``eval()`` is upstream's own.
(v)   ``backward='cpu'`` or ``'cuda'`` chooses which of the two backward passes; both are computed wherever the tensors
      are, and need no compiler. ``'exact'`` is in neither: the gradient of what (iii) computes, to see what they cost.
(vi)  Two hidden layers of 512 and a voltage decay of 0.03: the caller's network.

Notes:
    Where the text leaves room: steps count from 0, as in lava-dl's loop, so the first one is on the grid and dt = 10
    leaves the steps 0, 10 and 20 of 30. The mask acts where there is a threshold: the current reaches the voltage at
    every step ("the states go on integrating"), and so does the voltage that `Affine` reads out. The backward pass
    does not know thresholds in lava-dl, so that of current and voltage are both masked; behind the last step the
    gradient is 0, also where the last step is not on the grid. A state kept for the next call is what was visible.
    Thresholds are compared as lava-dl does on the CPU, whichever the backward pass.
    Taken by the letter, the CPU's backward pass at dt = 1 carries no gradient from step to step; the CUDA one is
    lava-dl's own there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from patches.layer import Layer
from patches.option import Option
from patches.patch import Patch

_BACKWARD = ("cpu", "cuda", "exact")

# whether a CuBa neuron in training is integrating; lava-dl's integrator is not told by whom it is called
_training: ContextVar[bool] = ContextVar("_training", default=False)


def _neuron(below: Callable[..., Any], dt: int, backward: str) -> Callable[..., Any]:
    @functools.wraps(below)
    def dynamics(self: Any, input: Any) -> Any:
        if not self.training:
            return below(self, input)
        _check_neuron(self, input, dt)
        token = _training.set(True)
        try:
            return below(self, input)
        finally:
            _training.reset(token)

    return dynamics


def _integrator(below: Callable[..., Any], dt: int, backward: str) -> Callable[..., Any]:
    from patches.integrators.masked import masked_integrator

    @functools.wraps(below)
    def dynamics(
        input: Any, decay: Any, state: Any, w_scale: int, threshold: float | None = None, *others: Any, **more: Any
    ) -> Any:
        if not _training.get():
            return below(input, decay, state, w_scale, threshold, *others, **more)
        return masked_integrator(input, decay, state, w_scale, threshold, dt, backward)

    return dynamics


def _check_neuron(neuron: Any, input: Any, dt: int) -> None:
    if neuron.requires_grad:
        raise ValueError(
            "the neuron's decays are learnable (requires_grad=True), and the published protocol has no gradient for "
            "them: leave requires_grad out"
        )
    if dt > 1 and input.shape[-1] == 1:
        raise ValueError(
            f"the neuron got one step of time and dt is {dt}: the published protocol counts the steps of a whole "
            "recording, which recurrent blocks hand to their neurons one by one; use feed-forward blocks"
        )


def _check_dt(dt: Any) -> int:
    if isinstance(dt, bool) or not hasattr(dt, "__index__"):
        raise TypeError(f"dt is {dt!r}: it must be a whole number of entries of the time axis")
    step = int(dt.__index__())
    if step < 1:
        raise ValueError(f"dt is {step}: it must be 1 or more entries of the time axis")
    return step


def _check_backward(backward: Any) -> str:
    if backward not in _BACKWARD:
        raise ValueError(f"backward is {backward!r}: pass one of {', '.join(map(repr, _BACKWARD))}")
    return str(backward)


_SLAYER = "lava.lib.dl.slayer"

PATCH = Patch(
    name="published-protocol",
    reason="the published code of the time-discretised SLAYER masks steps in training instead of scaling decays",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        Layer(f"{_SLAYER}.neuron.cuba", "Neuron.dynamics", ("e1bfb44b71d1ddf9",), _neuron),
        Layer(f"{_SLAYER}.neuron.dynamics.leaky_integrator", "dynamics", ("669b87f73fac5bea",), _integrator),
    ),
    options=(
        Option(
            name="dt", meaning="an int: the grid steps are 0, dt, 2 dt, ... of the bins", check=_check_dt, required=True
        ),
        Option(name="backward", meaning="'cpu', 'cuda' or 'exact'", check=_check_backward, default="cpu"),
    ),
)
