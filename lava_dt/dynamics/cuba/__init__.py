"""CuBa neurons over all steps in one pass: current, voltage, spikes and reset in Loihi's integers, and their gradient.

    u[t] = toward_zero((4096 - a) u[t-1] / 4096) + trunc(scale drive[t])
    v[t] = toward_zero((4096 - b) v[t-1] / 4096) + u[t]
    s[t] = v[t] > threshold;   then v[t] <- 0 where s[t], or the threshold less (soft reset)

`respond` takes a drive; `respond_to_events` the spikes themselves, and never stores the drive they bring about. Both
give lava-dl's spikes bit for bit (EQUATIONS A.2). The surrogate of the spike, both leaks and the gradient of the
weights are one sweep back; the reset is ignored there, as by lava-dl. `reference` holds the plain loops, `cpu` and
`from_events` the Numba kernels, `cuda` those of a GPU.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lava_dt.dynamics.cuba import cpu, cuda, from_events
from lava_dt.dynamics.cuba.neurons import Neurons, State
from lava_dt.dynamics.cuba.singles import singly
from lava_dt.dynamics.cuba.weights import HIGHEST, Laid, quantised, rows_gradient

if TYPE_CHECKING:
    from lava_dt.events import Events
    from lava_dt.synapse import Connections

__all__ = ["Layout", "Neurons", "State", "respond", "respond_to_events"]

MOST_KEPT = 1 << 16  # neurons of a call whose state at rest is kept for the next


class Layout(Protocol):
    """How a synapse's weight becomes the rows of its connections, and gradients the way back."""

    def rows(self, weight: Tensor) -> Tensor:
        """weight -> (n_rows, width), a view where possible."""

    def weight_gradient(self, rows: Tensor) -> Tensor:
        """(n_rows, width) -> the weight's shape."""

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        """(batch, steps, n_out) -> the shape of the dense input."""


def respond(drive: Tensor, neurons: Neurons, state: State | None = None, hop: int = 0) -> tuple[Tensor, State]:
    """Spikes of CuBa neurons that receive ``drive``.

    Args:
        drive: (batch, steps, n) float32, in real units; contiguous is fast. Gradient: *surrogate* at the spikes,
            *exact* through the leaks, and ignoring the reset.
        neurons: their parameters, on the drive's device.
        state: what an earlier call returned; None: at rest. No gradient.
        hop: steps after which a spike arrives, >= 0.

    Returns:
        spikes (batch, steps, n) float32, those of step t at t + hop, after the tail of ``state``; and the state after
        the last step.

    Raises:
        TypeError: the drive is not float32.
        ValueError: shapes that do not fit, a drive that is not finite or too large for 64-bit integers.
    """
    if drive.dtype != torch.float32:
        raise TypeError(f"the drive is {drive.dtype}: the fused kernels take float32; convert it with .float()")
    if drive.dim() != 3:
        raise ValueError(f"the drive has shape {tuple(drive.shape)}: it needs (batch, steps, n)")
    batch, _, n = drive.shape
    before = _state_before(state, batch, n, hop, neurons, drive.device)
    save = torch.is_grad_enabled() and drive.requires_grad
    kernels = cuda if drive.is_cuda else cpu
    spikes, after, voltage = kernels.forward(drive.detach().contiguous(), neurons, before, save)
    if save:
        spikes = _Respond.apply(drive, (spikes, voltage), neurons, hop)
    return spikes, after


def respond_to_events(
    events: Events,
    weight: Tensor,
    x: Tensor | None,
    connections: Connections,
    layout: Layout,
    neurons: Neurons,
    unit: float,
    state: State | None = None,
    hop: int = 0,
    laid: Laid | None = None,
) -> tuple[Tensor, State]:
    """Spikes of CuBa neurons behind a synapse with weights of 8 bits, from the spikes it receives.

    Args:
        events: spikes of the inputs.
        weight: float32 of the synapse's shape; quantised here to whole multiples of ``unit`` between -128 and 127 times
            it (`weights`). Gradient: of the drive as in `respond`, *exact* from there, *straight-through* the rounding
            and 0 beyond the bounds.
        x: the same spikes as a dense tensor where they have a gradient, else None; its values are not read. Gradient:
            *exact* from the drive's.
        connections: what a spike adds where; no input reaches a neuron twice.
        layout: of the weight.
        neurons, state, hop: as in `respond`; the neurons in the order of the drive.
        unit: a power of two, unit * scale is whole.
        laid: where the weight's rows are kept as the kernels read them, for further calls with the same weight.

    Returns:
        As `respond`, n = connections.n_out.

    Raises:
        RuntimeError: the weight is not on the CPU.
        ValueError: shapes that do not fit, weights that are not numbers.
    """
    if weight.device.type != "cpu":
        raise RuntimeError(
            f"the weight is on {weight.device}, but lists of spikes are followed on the CPU only: use a dense product "
            "and respond()"
        )
    if events.neurons != connections.start.size - 1:
        raise ValueError(
            f"the events are of {events.neurons} neurons but the connections start from {connections.start.size - 1}: "
            "pass the spikes of the layer below"
        )
    if events.index.size and events.index.view(np.uint32).max() >= events.neurons:  # a negative one becomes a large one
        raise ValueError(
            f"the events are of neurons {events.index.min()} to {events.index.max()} but there are {events.neurons}: "
            "list them with events_of()"
        )
    rows = layout.rows(weight.detach())
    if rows.shape != (connections.n_rows, connections.width) or rows.dtype != torch.float32:
        raise ValueError(
            f"the layout gives rows {tuple(rows.shape)} {rows.dtype} but the connections need "
            f"({connections.n_rows}, {connections.width}) torch.float32"
        )
    if math.frexp(unit)[0] != 0.5 or unit * neurons.scale < 1:
        raise ValueError(
            f"unit is {unit:g} and the scale {neurons.scale}: the unit of the weights must be a power of two, 1/scale "
            "or more"
        )
    before = _state_before(state, events.batch, connections.n_out, hop, neurons, weight.device)
    events = singly(events) if connections.dense else events
    save = torch.is_grad_enabled() and (weight.requires_grad or (x is not None and x.requires_grad))
    spikes, after, voltage, largest = from_events.forward(events, rows, connections, unit, neurons, before, save, laid)
    if save:
        layer = (connections, layout, neurons, unit)
        spikes = _RespondToEvents.apply(weight, x, (spikes, voltage), events, *layer, hop, largest)
    return spikes, after


def _state_before(state: State | None, batch: int, n: int, hop: int, neurons: Neurons, device: torch.device) -> State:
    if hop < 0:
        raise ValueError(f"hop is {hop}: a spike cannot arrive before it is fired; use 0 or more steps")
    neurons.check_count(n)
    if state is None:
        kept = device.type == "cpu" and batch * n * max(1, hop) <= MOST_KEPT
        return (_kept_rest if kept else State.rest)(batch, n, hop, device)
    state.check(batch, n, hop)
    return State(state.current.contiguous(), state.voltage.contiguous(), state.tail.detach().contiguous())


_kept_rest = lru_cache(maxsize=8)(State.rest)  # read only


class _Respond(torch.autograd.Function):
    """Only the way back: spikes and voltage are made before, and come as a pair, for autograd looks into none."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, made: tuple[Tensor, Tensor], neurons: Neurons, hop: int) -> Tensor:
        spikes, voltage = made
        ctx.save_for_backward(voltage)
        ctx.neurons, ctx.hop = neurons, hop
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor | None, ...]:
        (voltage,) = ctx.saved_tensors
        kernels = cuda if voltage.is_cuda else cpu
        return kernels.backward(grad_spikes.contiguous(), voltage, ctx.neurons, ctx.hop), None, None, None


class _RespondToEvents(torch.autograd.Function):
    """As `_Respond`."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        x: Tensor | None,
        made: tuple[Tensor, Tensor],
        events: Events,
        connections: Connections,
        layout: Layout,
        neurons: Neurons,
        unit: float,
        hop: int,
        largest: int,
    ) -> Tensor:
        spikes, voltage = made
        ctx.save_for_backward(voltage, weight)
        ctx.events, ctx.connections, ctx.layout, ctx.unit = events, connections, layout, unit
        ctx.neurons, ctx.hop, ctx.largest = neurons, hop, largest
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_spikes: Tensor) -> tuple[Tensor | None, ...]:
        voltage, weight = ctx.saved_tensors
        grad_rows, grad_drive = from_events.backward(
            grad_spikes, voltage, ctx.events, ctx.connections, ctx.neurons, ctx.hop, keep=ctx.needs_input_grad[1]
        )
        grad_weight = grad_x = None
        if ctx.needs_input_grad[0]:
            if weight.is_leaf or ctx.largest > HIGHEST:  # else nothing is cut, and `normalise` turns the rows itself
                grad_rows = rows_gradient(grad_rows, ctx.layout.rows(weight), ctx.unit)
            grad_weight = ctx.layout.weight_gradient(grad_rows)
        if grad_drive is not None:
            grad_x = ctx.layout.input_gradient(grad_drive, quantised(weight, ctx.unit))
        return grad_weight, grad_x, *(None,) * 8
