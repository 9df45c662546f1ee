"""A CuBa neuron as the fused kernels take it: its parameters and states in their order of memory."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lava_dt.dynamics.cuba import Neurons, State, respond
from lava_dt.synapse.order import Order

_made: WeakKeyDictionary[Any, tuple[Any, Neurons]] = WeakKeyDictionary()  # of a neuron, and from what


def fits(neuron: Any, x: Tensor) -> bool:
    """Whether the fused kernels compute what this neuron does with x."""
    scale = neuron.s_scale
    return neuron.simple and x.dtype == torch.float32 and scale & (scale - 1) == 0


def respond_in_order(neuron: Any, drive: Tensor) -> Tensor:
    """Spikes for a drive (batch, neuron..., bins), the same shape; states that persist go on."""
    order = Order(tuple(drive.shape[1:-1]))
    neuron.allocate(order.shape, drive.shape[0])
    spikes, after = respond(order.physical(drive), parameters(neuron, order), state_before(neuron, order))
    keep(neuron, order, after)
    return order.logical(spikes)


def parameters(neuron: Any, order: Order) -> Neurons:
    """What a step of dt is for this neuron, in integers; made again only where anything it comes from has changed.

    For a derived class it is made at every call: what that comes from is not known here.
    """
    from lava_dt.neuron import Neuron

    if type(neuron) is not Neuron:
        return _parameters(neuron, order)
    known = _made.get(neuron)
    if known is None or known[0] != (order, neuron.origin):
        made = _parameters(neuron, order)
        _made[neuron] = known = (order, neuron.origin), made  # the origin now, for learnt decays have been clamped
    return known[1]


def _parameters(neuron: Any, order: Order) -> Neurons:
    return Neurons(
        current_decay=order.per_neuron(neuron.current_step_decay.detach().to(torch.int64)),
        voltage_decay=order.per_neuron(neuron.voltage_step_decay.detach().to(torch.int64)),
        threshold=order.per_neuron(neuron.level),
        scale=neuron.s_scale,
        soft_reset=neuron.timestep.reset == "soft",
        surrogate_width=order.per_neuron(neuron.surrogate_width),
        surrogate_scale=neuron.surrogate_scale,
    )


def state_before(neuron: Any, order: Order) -> State | None:
    """What the neuron kept from the call before, if its state persists; it must be allocated."""
    if neuron.persistent_state is not True:
        return None
    current, voltage = (
        order.physical((state * neuron.s_scale).to(torch.int64).unsqueeze(-1))[:, 0]
        for state in (neuron.current_state, neuron.voltage_state)
    )
    return State(current, voltage, torch.zeros(current.shape[0], 0, current.shape[1], device=current.device))


def keep(neuron: Any, order: Order, after: State) -> None:
    """Keeps the states for the next call, if they persist, as lava-dl does: in real units, float32."""
    if neuron.persistent_state is True:
        for name, values in (("current_state", after.current), ("voltage_state", after.voltage)):
            setattr(neuron, name, order.logical(values[:, None])[..., 0].to(torch.float32) / neuron.s_scale)
