"""Current, voltage and spikes of one trained block at each of its steps, in Loihi's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_dt.block.arriving import dense
from lava_dt.block.stepped import Stepped
from lava_dt.export.alignment import binned, shifted
from lava_dt.export.description import Layer, NeuronDescription
from lava_dt.export.weights import acting
from lava_dt.neuron import Neuron
from lava_dt.time_axis import at_grid

STATE_SHIFT = 6  # thresholds, biases and activations are aligned 6 bits up


@dataclass(frozen=True)
class Trace:
    """What a layer did: arrays (samples, neuron..., steps) of integers, None where it has no such quantity.

    Attributes:
        spikes: bool, as the neurons emit them, before hop and delays.
        current, voltage: in 1/64 of the weights' integers; without the bias, which Loihi adds to the voltage, and
            after the reset.
        output: sums of spikes, of an average block.
        sent: spikes behind the delays, of the last layer in Lava.
    """

    spikes: np.ndarray | None = None
    current: np.ndarray | None = None
    voltage: np.ndarray | None = None
    output: np.ndarray | None = None
    sent: np.ndarray | None = None


def trace(layer: Layer, block: Any, signal: Tensor, output: Tensor) -> Trace:
    """What a block at rest did with ``signal``, (batch, neuron..., time), to give ``output``.

    Returns:
        One entry a step of dt; of what has no neurons, and so no step, one entry a step of ``signal``.

    Raises:
        ValueError: the block's output is not that of its neurons.
    """
    if layer.kind == "average":
        share = int(np.prod(signal.shape[1:-1])) // output.shape[1]
        return Trace(output=_whole(output, share))
    if layer.neuron is None:
        return Trace(current=_whole(output, block.neuron.w_scale) << STATE_SHIFT)
    steps, neuron = signal.shape[-1], block.neuron
    if layer.kind == "dense_rec":
        current, voltage, spikes = _fed_back(layer, block, signal, output)
    else:
        current, voltage = _dynamics(neuron, _drive(layer, block, signal), steps)
        spikes = torch.zeros_like(voltage) if layer.kind == "affine" else _spikes(neuron, voltage, steps)
    if layer.kind == "affine":
        real = neuron.in_real_units(voltage) if isinstance(neuron, Neuron) else voltage
        sent = torch.equal(real, at_grid(output, _grid(block)))
    else:
        sent = np.array_equal(_transported(layer, block, spikes.cpu().numpy(), steps), output.cpu().numpy())
    if not sent:
        raise ValueError(
            f"{layer.name} sends something else than its neurons compute, later by hop and delays: remove what changes "
            "it (dropout that stays on in evaluation, a forward of its own)"
        )
    fired = spikes.cpu().numpy() > 0
    flowing, charged = (_whole(state, neuron.s_scale) for state in (current, voltage))
    if layer.kind != "input" and layer.bias is not None:  # training adds it to the current, Loihi to the voltage
        flowing -= (layer.bias << STATE_SHIFT).reshape(-1, *(1,) * (flowing.ndim - 2))
    return Trace(fired, flowing, after_reset(layer.neuron, fired, charged))


def after_reset(neuron: NeuronDescription, fired: np.ndarray, voltage: np.ndarray) -> np.ndarray:
    """lava-dl's voltage is from before the reset, Lava's from after it."""
    if neuron.reset == "hard":
        return np.where(fired, 0, voltage)
    level = (neuron.threshold << STATE_SHIFT).reshape(-1, *(1,) * (voltage.ndim - 2))
    return np.where(fired, voltage - level, voltage)


def driven(layer: Layer, block: Any, signal: Tensor) -> np.ndarray:
    """What reaches the neurons of a block at rest, integers of the weights' scale, (batch, neuron..., steps of dt)."""
    return _whole(_drive(layer, block, signal), block.neuron.w_scale)


def _whole(values: Tensor, scale: int) -> np.ndarray:
    return np.asarray(torch.round(values.double() * scale).to(torch.int64).cpu().numpy())


def _grid(block: Any) -> int:
    """Steps of the time axis from one step of the neurons to the next."""
    return block.timestep.dt if isinstance(block, Stepped) and block.timestep.held else 1


def _drive(layer: Layer, block: Any, signal: Tensor) -> Tensor:
    """What the synapses deliver, (batch, neuron..., steps of dt)."""
    if isinstance(block, Stepped):
        return block.drive_bins(block.neuron.gather(dense(signal)))  # of an input block its own
    if layer.kind != "input":
        return block.synapse(signal)
    drive = block.pre_hook_fx(signal)
    if block.weight is not None:
        drive = drive * block.pre_hook_fx(block.weight)
    return drive if block.bias is None else drive + block.pre_hook_fx(block.bias)


def _dynamics(neuron: Any, drive: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Current and voltage before the reset at every step of dt; ``steps`` is the length of the time axis."""
    if not isinstance(neuron, Neuron):
        return neuron.dynamics(drive)
    dt = neuron.timestep.dt if neuron.timestep.held else 1
    current, voltage = neuron.dynamics_of(drive, steps)
    return at_grid(current, dt), at_grid(voltage, dt)


def _spikes(neuron: Any, voltage: Tensor, steps: int) -> Tensor:
    """Spikes at every step of dt for the voltage there."""
    if not isinstance(neuron, Neuron) or not neuron.timestep.held:
        return neuron.spike(voltage)
    dt = neuron.timestep.dt
    fine = voltage.repeat_interleave(dt, -1)[..., :steps]  # every step of a bin has its grid step's
    return at_grid(neuron.spike(fine), dt)


def _fed_back(layer: Layer, block: Any, signal: Tensor, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Current, voltage and spikes of a recurrent block: those that give each other, and the output.

    The output shows all spikes but the last ones, which hop and delays took beyond its end: they follow from the
    others, step by step.

    Raises:
        ValueError: no spikes do.
    """
    steps, ours = signal.shape[-1], isinstance(block, Stepped)
    drive = block.incoming(signal) if ours else block.input_synapse(signal)
    if block.bias is not None:
        drive = drive + block.bias
    weights = acting(block.recurrent_synapse).reshape(drive.shape[1], -1)
    late = np.asarray(layer.hop if layer.delay is None else layer.hop + layer.delay)
    sent = torch.from_numpy(shifted(binned(output.cpu().numpy(), _grid(block)), -late)).to(drive)
    for _ in range(int(late.max()) + 2):
        before = torch.nn.functional.pad(sent, (1, -1)).reshape(*drive.shape[:2], -1)
        feedback = torch.matmul(weights, before).reshape(drive.shape)
        current, voltage = _dynamics(block.neuron, drive + feedback, steps)
        spikes = _spikes(block.neuron, voltage, steps)
        if torch.equal(spikes, sent):
            return current, voltage, spikes
        sent = spikes
    raise ValueError(
        f"{layer.name} sends something else than its neurons' spikes with their feedback: remove what changes them "
        "(dropout that stays on in evaluation, a forward of its own)"
    )


def _transported(layer: Layer, block: Any, spikes: np.ndarray, steps: int) -> np.ndarray:
    """Spikes of the grid steps as they should arrive at the next block (EQUATIONS A.3), on the block's time axis."""
    dt = _grid(block)
    if dt == 1:
        return shifted(spikes, np.asarray(layer.hop if layer.delay is None else layer.hop + layer.delay))
    fine = np.zeros((*spikes.shape[:-1], spikes.shape[-1] * dt), spikes.dtype)
    fine[..., dt - 1 :: dt] = spikes
    delay = 0 if block.delay is None else np.floor(block.delay.delay.detach().cpu().numpy().reshape(-1)).astype(int)
    arrived = shifted(fine, np.asarray(layer.hop + delay) if np.size(delay) > 1 else np.asarray(layer.hop + int(delay)))
    cut = arrived[..., :steps].copy()
    cut[..., -1] = arrived[..., steps - 1 :].sum(-1)  # a shorter last bin is a whole one
    return cut
