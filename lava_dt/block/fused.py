"""A layer in one pass over time: from the spikes it receives to the spikes it sends.

Possible where nothing looks at what lies between: lava-dl's 8-bit weights, a neuron without norm, learnable decays or
graded spikes (`Neuron.simple`). The sums are then whole numbers, and the spikes lava-dl's bit for bit whichever way
they are added up: spike by spike where there are few (on the CPU), else as a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lava_dt.block.arriving import dense, listed, whole_weights
from lava_dt.block.known import laid_before
from lava_dt.dynamics.cuba import respond, respond_to_events
from lava_dt.events import Events, events_of
from lava_dt.neuron import Neuron
from lava_dt.one_pass import fits, keep, parameters, state_before
from lava_dt.synapse import Plan, geometry_of, plan_of
from lava_dt.time_axis import place
from lava_dt.timestep import Timestep


def fused(block: Any, x: Tensor) -> Tensor | None:
    """Spikes of a block, one entry a step of dt, or None where its parts have to run one after the other.

    Args:
        block: a block with ``neuron`` and ``synapse``.
        x: (batch, neuron..., time), dense or sparse, as `Stepped.forward` takes it. Gradients, of x and the weights:
            *exact* through the synapse, *surrogate* through the spikes, the reset ignored.

    Returns:
        Spikes (batch, neuron..., bins), shifted by `shift_within` bins.
    """
    neuron, synapse = block.neuron, getattr(block, "synapse", None)
    if synapse is None or not (fits(neuron, x) and whole_weights(neuron, synapse)):
        return None
    plan = plan_for(block, tuple(x.shape[1:-1]))
    if plan is None:
        return None
    order, hop = plan.order, shift_within(block)
    neuron.allocate(plan.outputs, x.shape[0])
    neurons, before = parameters(neuron, order), state_before(neuron, order)
    weight = block.weights()
    events, bins, fine = _arriving(neuron, x, plan.largest_density)
    if bins is not None and not bins.shape[-1]:  # the call ends before its first grid step
        return order.logical(bins.new_zeros(x.shape[0], 0, plan.connections.n_out))
    if events is None:
        drive = plan.whole_drive(bins, neuron.quantize_8bit(weight), 2 / neuron.w_scale)
        if drive is None:  # the sums are rounded, and whose rounding it is decides: lava-dl's
            drive = order.physical(block.drive(bins))
        spikes, after = respond(drive, neurons, before, hop)
    else:
        unit = 2 / neuron.w_scale
        if not plan.connections.dense and torch.is_grad_enabled():  # several spikes of a step share a weight: one order
            events = events.by_neuron()
        layout = _Spread(plan, neuron.timestep, x.shape[-1]) if fine else plan
        layer = (plan.connections, layout, neurons, unit)
        spikes, after = respond_to_events(events, weight, bins, *layer, before, hop, laid_before(synapse, weight))
    keep(neuron, order, after)
    spikes = order.logical(spikes)
    return spikes if neuron.drop is None else neuron.drop(spikes)


def shift_within(block: Any) -> int:
    """The bins by which `fused` has shifted the spikes: the hop to the next layer where nothing else comes between."""
    neuron = block.neuron
    alone = block.delay is None and neuron.drop is None and neuron.persistent_state is not True
    return int(block.delay_shift) if alone and not block.timestep.held else 0


def plan_for(block: Any, neurons: tuple[int, ...]) -> Plan | None:
    """The plan of a block's synapse for an input of ``neurons``, made again only where the synapse is another."""
    plans: dict[tuple[int, ...], tuple[Any, Plan | None]] = block.__dict__.setdefault("plans", {})
    geometry, known = geometry_of(block.synapse), plans.get(neurons)
    if known is None or known[0] != geometry:
        plans[neurons] = known = geometry, plan_of(block.synapse, neurons)
    return known[1]


def _arriving(neuron: Neuron, x: Tensor, largest_density: float) -> tuple[Events | None, Any, bool]:
    """What arrives at the grid steps.

    Returns:
        The spikes as lists, if there are few; the dense tensor, if there are many or it has a gradient; and whether
        that tensor still has its fine steps, so that its gradient is to be spread over them.
    """
    timestep = neuron.timestep
    if x.device.type != "cpu":
        return None, neuron.gather(dense(x)), False
    if not timestep.held or neuron.persistent_state is True:
        bins = neuron.gather(dense(x)) if timestep.held else x
        events = events_of(bins, largest_density) if bins.shape[-1] else None
        return events, (dense(bins) if events is None else bins if bins.requires_grad else None), False
    events = listed(x, timestep, largest_density)
    if events is None:
        return None, neuron.gather(dense(x)), False
    return events, (x if x.requires_grad else None), True


@dataclass(frozen=True)
class _Spread:
    """A plan whose input has fine steps: the gradient of a step is that of the grid step that received it."""

    plan: Plan
    timestep: Timestep
    steps: int

    def rows(self, weight: Tensor) -> Tensor:
        return self.plan.rows(weight)

    def weight_gradient(self, rows: Tensor) -> Tensor:
        return self.plan.weight_gradient(rows)

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        gradient, dt = self.plan.input_gradient(grad_drive, weight), self.timestep.dt
        if self.timestep.between == "drop":
            return place(gradient, dt - 1, dt, self.steps)
        return gradient.movedim(-1, 1).repeat_interleave(dt, 1)[:, : self.steps].movedim(1, -1)
