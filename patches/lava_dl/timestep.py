"""lava-dl-timestep: networks written with ``slayer.block.cuba`` take a timestep, and nothing else of them changes.

    with patches.applied("lava-dl-timestep"):
        block = slayer.block.cuba.Dense({..., "timestep": lava_dt.Timestep(dt=4)}, 2312, 512)
        neuron = slayer.neuron.cuba.Neuron(1.25, 0.25, 0.03, timestep=lava_dt.Timestep(dt=4))
        y = leaky_integrator.dynamics(x, decay, state, w_scale, threshold, timestep=lava_dt.Timestep(dt=4))

Blocks take it as a key of their neuron parameters or as the keyword ``timestep``. Upstream's constructors run as ever;
what they have built is then handed to the timestep, which turns it into something that steps by dt, forward and
backward. The timestep is any object with two methods (`lava_dt.Timestep` has them):

    adopt(module)        makes a finished block or neuron of upstream step by dt, in place
    integrate(input, decay, state, w_scale, threshold)   does what leaky_integrator.dynamics does, stepped by dt

What was built with a timestep keeps it when the patch is reverted; without one, every object is upstream's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from patches.layer import Layer
from patches.patch import Patch

_BLOCKS = {
    "Input": "ddc03f00251f0260",
    "Affine": "e3c366636d469f99",
    "Dense": "a4a8242be4eaf1e2",
    "Conv": "08051371588253bb",
    "ConvT": "24d101da8d4b4123",
    "Pool": "d36f40253e008fd2",
    "Unpool": "2a95c5fdecc75227",
    "KWTA": "1aef8b53cdee772e",
    "Recurrent": "43a9a86f78f2fafb",
}


def _adopting_block(below: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(below)
    def __init__(self: Any, *args: Any, timestep: Any = None, **kwargs: Any) -> None:
        parameters = args[0] if args else kwargs.get("neuron_params")
        if isinstance(parameters, dict) and "timestep" in parameters:
            key = parameters["timestep"]
            if None not in (key, timestep) and key != timestep:
                raise ValueError(
                    f"the block got timestep={timestep!r} and its neuron parameters {key!r}: give the timestep once"
                )
            timestep = key if timestep is None else timestep
            plain = {name: value for name, value in parameters.items() if name != "timestep"}
            if args:
                args = (plain, *args[1:])
            else:
                kwargs["neuron_params"] = plain
        _check(timestep, "adopt")
        below(self, *args, **kwargs)
        if timestep is not None:
            timestep.adopt(self)

    return __init__


def _adopting_neuron(below: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(below)
    def __init__(self: Any, *args: Any, timestep: Any = None, **kwargs: Any) -> None:
        _check(timestep, "adopt")
        below(self, *args, **kwargs)
        if timestep is not None:
            timestep.adopt(self)

    return __init__


def _stepped_integrator(below: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(below)
    def dynamics(
        input: Any,
        decay: Any,
        state: Any,
        w_scale: int,
        threshold: float | None = None,
        debug: bool = False,
        timestep: Any = None,
    ) -> Any:
        _check(timestep, "integrate")
        if timestep is None:
            return below(input, decay, state, w_scale, threshold, debug)
        return timestep.integrate(input, decay, state, w_scale, threshold)

    return dynamics


def _check(timestep: Any, method: str) -> None:
    if timestep is not None and not callable(getattr(timestep, method, None)):
        raise TypeError(
            f"timestep is {timestep!r}, which has no method {method!r}: pass a lava_dt.Timestep, for instance "
            "Timestep(dt=4)"
        )


_SLAYER = "lava.lib.dl.slayer"

PATCH = Patch(
    name="lava-dl-timestep",
    reason="lava-dl's blocks, neurons and integrator know one step only: here they take a timestep",
    package="lava-dl",
    versions=("0.6.0",),
    changes=(
        Layer(f"{_SLAYER}.neuron.cuba", "Neuron.__init__", ("2d9b1a4c945291c8",), _adopting_neuron),
        Layer(f"{_SLAYER}.neuron.dynamics.leaky_integrator", "dynamics", ("669b87f73fac5bea",), _stepped_integrator),
        *(
            Layer(f"{_SLAYER}.block.cuba", f"{block}.__init__", (known,), _adopting_block)
            for block, known in _BLOCKS.items()
        ),
    ),
)
