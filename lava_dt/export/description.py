"""What Loihi must know of a trained network: read from its blocks once, checked, never changed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.block import cuba as upstream
from lava.lib.dl.slayer.neuron import cuba as upstream_neuron
from lava.lib.dl.slayer.utils import quantize

from bats_dt.discretization import largest_decay
from lava_dt.neuron import Neuron
from lava_dt.timestep import Timestep

LARGEST_THRESHOLD = (1 << 17) - 1
LARGEST_DELAY = 62
DECAY_UNIT = 1 << 12


@dataclass(frozen=True)
class NeuronDescription:
    """Registers of a layer's neurons for a step of dt; arrays where they differ by channel."""

    current_decay: np.ndarray
    voltage_decay: np.ndarray
    threshold: np.ndarray
    reset: str


@dataclass(frozen=True)
class Layer:
    """One block.

    Attributes:
        index: place in the network, from 0.
        kind: ``input``, ``flatten`` or ``dense``.
        shape: of the layer, (neuron...), as lava-dl has it.
        hop: steps of dt from layer to layer in training, 1 or 0, without delays.
        delay: (channel,) steps of dt on top of the one step that Lava's synapses take, or None.
        weight: (n_post, n_pre) for dense, () for an input block, integers; None without.
        bias: () integer of an input block, or None.
        neuron: None for a layer without neurons.
        timestep: the layer's.
    """

    index: int
    kind: str
    shape: tuple[int, ...]
    hop: int = 0
    delay: np.ndarray | None = None
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    neuron: NeuronDescription | None = None
    timestep: Timestep = field(default_factory=Timestep)

    @property
    def name(self) -> str:
        return layer_name(self.index, self.kind)


@dataclass(frozen=True)
class Description:
    """A network's layers, and the step that they share."""

    layers: tuple[Layer, ...]
    timestep: Timestep

    def latencies(self) -> list[np.ndarray]:
        """By how many steps Lava runs behind training, for each layer with neurons: () or (channel,).

        Positive: what training computes at step t, Lava computes at t + latency. lava-dl lets a step pass after every
        block, an input block included; Lava before every layer of synapses. Delays are on the input side in Lava.
        """
        found, ahead = [], 0
        for layer in self.layers:
            if layer.kind == "dense":
                ahead += 1
            if layer.neuron is not None:
                found.append(np.asarray(ahead if layer.delay is None else ahead + layer.delay))
            ahead -= layer.hop
        return found


def layer_name(index: int, kind: str) -> str:
    return f"layer {index} ({kind})"


def blocks_of(net: Any) -> list[torch.nn.Module]:
    """The blocks of a network: a Sequential, a module with ``blocks``, or a list of them."""
    blocks = getattr(net, "blocks", net)
    if not isinstance(blocks, (torch.nn.Sequential, torch.nn.ModuleList, list, tuple)) or not len(blocks):
        raise TypeError(
            f"the network is a {type(net).__name__}: pass a torch.nn.Sequential of CuBa blocks, a module that keeps "
            "them in `blocks`, or a list of them"
        )
    return list(blocks)


def describe(net: Any) -> Description:
    """Reads a network of Input, Flatten and Dense CuBa blocks, lava_dt's or lava-dl's. Changes nothing.

    Raises:
        TypeError: what came is not a network of blocks.
        ValueError: a layer that Loihi cannot do exactly, by its index and kind, with what to do about it.
    """
    layers = [_layer(index, block) for index, block in enumerate(blocks_of(net))]
    with_neurons = [layer for layer in layers if layer.neuron is not None]
    if not with_neurons:
        raise ValueError("the network has no layer with neurons: nothing is left to export")
    timestep = with_neurons[0].timestep
    for layer in with_neurons:
        if layer.timestep.dt != timestep.dt:
            raise ValueError(
                f"{layer.name} has dt={layer.timestep.dt} and {with_neurons[0].name} dt={timestep.dt}: a Loihi network "
                "has one clock; give all layers the same dt and train on"
            )
    _check_sizes(layers)
    return Description(tuple(layers), timestep)


def _layer(index: int, block: Any) -> Layer:
    kind = type(block).__name__
    name = layer_name(index, kind)
    kinds = {"input": upstream.Input, "flatten": upstream.Flatten, "dense": upstream.Dense}
    found = [key for key, cls in kinds.items() if isinstance(block, cls)]
    if not found:
        raise ValueError(
            f"{name} cannot be exported: Input, Flatten and Dense blocks of CuBa neurons can; end the network before "
            "it and do its part on the host, or replace it"
        )
    shape = block.shape
    if shape is None:
        raise ValueError(f"{name} does not know its shape yet: run the network once on any input, then export")
    shape = tuple(int(n) for n in shape)
    if found[0] == "flatten":
        return Layer(index, "flatten", shape)
    timestep = getattr(block, "timestep", Timestep())
    if timestep.held:
        raise ValueError(
            f"{name} runs on the held clock at dt={timestep.dt}, and Loihi has one clock: give the network "
            f"Timestep(dt={timestep.dt}, clock='coarse', ...), which computes the same, and its input as "
            f"lava_dt.rebin(spikes, {timestep.dt})"
        )
    hop = int(bool(block.delay_shift))
    if block.neuron is None:
        return Layer(index, "input", shape, hop)
    neuron = _neuron(name, block.neuron)
    delay = _delay(name, block, hop, timestep.dt)
    if found[0] == "dense":
        return Layer(index, "dense", shape, hop, delay, _dense_weight(name, block), None, neuron, timestep)
    if delay is not None:
        raise ValueError(f"{name} has delays, which lava-dl's input blocks have not: leave them out")
    weight, bias = (_input_scalar(name, block, part) for part in ("weight", "bias"))
    if bias is not None:
        bias = bias * timestep.constants_per_step  # Loihi adds it once a step of dt
    return Layer(index, "input", shape, hop, None, weight, bias, neuron, timestep)


def _neuron(name: str, neuron: Any) -> NeuronDescription:
    if not isinstance(neuron, upstream_neuron.Neuron):
        raise ValueError(f"{name} has neurons of type {type(neuron).__name__}: only CuBa neurons can be exported")
    if neuron.graded_spike:
        raise ValueError(f"{name} has graded spikes, and Lava's LIF sends 0 or 1: train it with graded_spike=False")
    if neuron.norm is not None:
        raise ValueError(
            f"{name} normalises its current ({type(neuron.norm).__name__}), which Loihi's neurons do not: train it "
            "without norm, or fold it into the weights"
        )
    decays = {which: _decay(neuron, which) for which in ("current_decay", "voltage_decay")}
    for which, decay in decays.items():
        if decay.min() < 0 or decay.max() > DECAY_UNIT:
            raise ValueError(
                f"{name} has a {which} of {decay.min()} to {decay.max()} in units of 1/4096: Loihi takes 0 to 4096"
            )
    thresholds = neuron.threshold_mantissa if isinstance(neuron, Neuron) else torch.tensor([neuron.v_th_mant])
    threshold = np.squeeze(thresholds.cpu().numpy().astype(int))
    if threshold.min() < 1 or threshold.max() > LARGEST_THRESHOLD:
        raise ValueError(
            f"{name} has a threshold of {threshold.min()} to {threshold.max()} in integers of the weights' scale: "
            f"Loihi takes 1 to {LARGEST_THRESHOLD} (17 bits); scale threshold and weights together"
        )
    reset = neuron.timestep.reset if isinstance(neuron, Neuron) else "hard"
    return NeuronDescription(decays["current_decay"], decays["voltage_decay"], threshold, reset)


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


def _delay(name: str, block: Any, hop: int, dt: int) -> np.ndarray | None:
    if block.delay is None:
        return None
    if not block.delay.init:
        raise ValueError(
            f"{name} has not drawn its delays yet: run the network once on any input, or, if it was loaded from a "
            "checkpoint, set block.delay.init = True"
        )
    largest = math.inf if block.delay.max_delay is None else block.delay.max_delay
    fine = np.floor(block.delay.delay.detach().cpu().double().numpy().clip(0, largest)).astype(int).reshape(-1)
    ticks = -(-(hop + fine) // dt) - hop
    if ticks.max() > LARGEST_DELAY:
        raise ValueError(
            f"{name} has a delay of {ticks.max()} steps of dt={dt}: Loihi takes {LARGEST_DELAY} at most; train it with "
            f"Delay(max_delay={LARGEST_DELAY * dt}) or at a larger dt"
        )
    return None if not ticks.any() else np.broadcast_to(ticks, block.neuron.shape[:1]).copy()


def _dense_weight(name: str, block: Any) -> np.ndarray:
    synapse = block.synapse
    weight = synapse.weight.detach()
    normalised = [hook for hook in synapse._forward_pre_hooks.values() if hasattr(hook, "compute_weight")]
    with torch.no_grad():
        for hook in normalised:  # what the next forward pass will use; `weight` is of the last
            weight = hook.compute_weight(synapse).detach()
        if block.mask is not None and not normalised:
            weight = weight * block.mask
        if synapse.pre_hook_fx is not None:
            weight = synapse.pre_hook_fx(weight)
    if weight[0, 0].numel() != 1:
        raise ValueError(
            f"{name} takes an image of shape {tuple(weight.shape[1:-1])}: put a Flatten block before it, and give it "
            f"{weight[0].numel()} neurons"
        )
    return _whole(name, "weight", weight.reshape(weight.shape[:2]), block.neuron.w_scale)


def _input_scalar(name: str, block: Any, part: str) -> np.ndarray | None:
    value = getattr(block, part)
    if value is None:
        return None
    if block.neuron.w_scale != 64:
        raise ValueError(f"{name} has scale={block.neuron.w_scale}: an input block can be exported with scale=64 only")
    return _whole(name, part, block.pre_hook_fx(value.detach()).reshape(()), block.neuron.w_scale)


def _whole(name: str, part: str, values: torch.Tensor, scale: int) -> np.ndarray:
    """Values in integers of ``scale``; refuses what Loihi's 8 bits would change (even integers from -256 to 254)."""
    scaled = values.cpu().double().numpy() * scale
    whole = np.rint(scaled / 2).astype(int) * 2
    if np.abs(scaled - whole).max(initial=0) > 1e-3:
        raise ValueError(
            f"{name} has a {part} of {scaled.flat[np.abs(scaled - whole).argmax()] / scale:g}, which is no even "
            f"multiple of 1/{scale}: Loihi's weights have 8 bits; train with pre_hook_fx=neuron.quantize_8bit, as is "
            "lava-dl's default"
        )
    if whole.min(initial=0) < -256 or whole.max(initial=0) > 254:
        raise ValueError(
            f"{name} has {part}s from {whole.min() / scale:g} to {whole.max() / scale:g}: Loihi's 8 bits end at "
            f"{-256 / scale:g} and {254 / scale:g}; scale threshold and weights down together"
        )
    return whole


def _check_sizes(layers: Iterable[Layer]) -> None:
    before: Layer | None = None
    for layer in layers:
        if layer.kind == "dense" and layer.weight is not None and before is not None:
            n_before = math.prod(before.shape)
            if layer.weight.shape[1] != n_before:
                raise ValueError(
                    f"{layer.name} takes {layer.weight.shape[1]} neurons but {before.name} before it has {n_before}"
                )
            if before.kind == "input" and sum(n > 1 for n in before.shape) > 1:
                raise ValueError(f"{layer.name} takes an image from {before.name}: put a Flatten block between them")
        if layer.kind == "input" and layer.neuron is not None and before is not None:
            raise ValueError(f"{layer.name} must be the first layer: it takes analog values from outside")
        before = layer
