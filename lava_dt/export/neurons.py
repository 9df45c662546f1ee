"""A CuBa neuron, its delays and its bias in Loihi's registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.neuron import cuba as upstream
from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm
from lava.lib.dl.slayer.utils import quantize

from bats_dt.discretization import largest_decay
from lava_dt.export import delays
from lava_dt.export.description import DECAY_UNIT, LARGEST_THRESHOLD, Fine, NeuronDescription
from lava_dt.export.weights import whole
from lava_dt.neuron import Neuron


def neuron_of(name: str, neuron: Any, spikes: bool = True) -> NeuronDescription:
    """The registers of a block's neurons; without a threshold where they are not meant to spike."""
    if not isinstance(neuron, upstream.Neuron):
        raise ValueError(f"{name} has neurons of type {type(neuron).__name__}: only CuBa neurons can be exported")
    if neuron.graded_spike:
        raise ValueError(f"{name} has graded spikes, and Lava's LIF sends 0 or 1: train it with graded_spike=False")
    decays = {which: _decay(neuron, which) for which in ("current_decay", "voltage_decay")}
    for which, decay in decays.items():
        if decay.min() < 0 or decay.max() > DECAY_UNIT:
            raise ValueError(
                f"{name} has a {which} of {decay.min()} to {decay.max()} in units of 1/4096: Loihi takes 0 to 4096"
            )
    reset = neuron.timestep.reset if isinstance(neuron, Neuron) else "hard"
    threshold = _threshold(name, neuron) if spikes else np.asarray(0)
    return NeuronDescription(decays["current_decay"], decays["voltage_decay"], threshold, reset)


def _threshold(name: str, neuron: Any) -> np.ndarray:
    thresholds = neuron.threshold_mantissa if isinstance(neuron, Neuron) else torch.tensor([neuron.v_th_mant])
    threshold = np.squeeze(thresholds.cpu().numpy().astype(int))
    if threshold.min() < 1 or threshold.max() > LARGEST_THRESHOLD:
        raise ValueError(
            f"{name} has a threshold of {threshold.min()} to {threshold.max()} in integers of the weights' scale: "
            f"Loihi takes 1 to {LARGEST_THRESHOLD} (17 bits); scale threshold and weights together"
        )
    return threshold


def _decay(neuron: Any, which: str) -> np.ndarray:
    """The decay that the next forward pass will use, an integer in 1/4096."""
    decay = getattr(neuron, which).detach().clone()
    if not isinstance(neuron, Neuron):
        if neuron.requires_grad is True:
            decay.clamp_(0, neuron.p_scale)
        decay = quantize(decay)
    else:
        timestep = neuron.timestep
        if neuron.requires_grad is True:
            decay.clamp_(0, neuron.p_scale * (1 if timestep.saturate else largest_decay(timestep.dt, timestep.scheme)))
        decay = neuron.step_decay(decay)
    return np.squeeze(decay.detach().cpu().numpy().astype(int))


def delay_of(name: str, block: Any, hop: int, dt: int) -> np.ndarray | None:
    """Steps of dt on top of the hop's, (channel,); None where there are none.

    Raises:
        ValueError: delays that were not drawn yet, are no numbers, or longer than a file holds.
    """
    if block.delay is None:
        return None
    if not block.delay.init:
        raise ValueError(
            f"{name} has not drawn its delays yet: run the network once on any input, or, if it was loaded from a "
            "checkpoint, set block.delay.init = True"
        )
    given = _floats(block.delay.delay)
    if np.isnan(given).any():
        raise ValueError(f"{name} has a delay that is no number: its training has diverged")
    longest = given.max() if block.delay.max_delay is None else min(given.max(), block.delay.max_delay)
    if longest > delays.LONGEST:
        raise ValueError(f"{name} has a delay of {longest:g} fine steps: {delays.LONGEST} at most can be exported")
    delay = delays.ticks(delays.whole(given, block.delay.max_delay), hop, dt)
    return delays.if_any(np.broadcast_to(delay, block.neuron.shape[:1]).copy())


def bias_of(name: str, neuron: Any, channels: int) -> np.ndarray | None:
    """What a running mean adds to the current of each step, (channel,) integers; None without norm.

    Raises:
        ValueError: a norm that does more than subtract a mean in 8 bits.
    """
    norm = neuron.norm
    if norm is None:
        return None
    if type(norm) is not MeanOnlyBatchNorm:
        raise ValueError(
            f"{name} normalises its current ({type(norm).__name__}), which Loihi's neurons do not: train it "
            "without norm or with MeanOnlyBatchNorm, which is a bias, or fold it into the weights"
        )
    mean = norm.pre_hook_fx(norm.running_mean.detach())
    return np.broadcast_to(-whole(name, "running mean", mean, neuron.w_scale), (channels,)).copy()


def fine_of(block: Any) -> Fine:
    """The fine step's parameters of a block, as training has them."""
    neuron: Any = block.neuron
    delay: Any = getattr(block, "delay", None)
    threshold = neuron._threshold if (neuron._threshold or 0) > 0 else 0.0
    drawn = delay is not None and delay.init
    return Fine(
        current_decay=_floats(neuron.current_decay),
        voltage_decay=_floats(neuron.voltage_decay),
        threshold=float(threshold),
        scale=neuron.w_scale,
        tau_rho=float(neuron.tau_rho),
        scale_rho=float(neuron.scale_rho),
        delay=np.broadcast_to(_floats(delay.delay), neuron.shape[:1]).copy() if drawn else None,
        max_delay=None if not drawn or delay.max_delay is None else float(delay.max_delay),
        persistent_state=neuron.persistent_state is True,
    )


def _floats(values: torch.Tensor) -> np.ndarray:
    return values.detach().cpu().float().numpy().reshape(-1).copy()
