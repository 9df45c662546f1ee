"""What Loihi must know of a trained network, in its integers: between a network and its file, either way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from lava_dt.export import delays
from lava_dt.timestep import Timestep

LARGEST_THRESHOLD = (1 << 17) - 1
DECAY_UNIT = 1 << 12

SYNAPTIC = ("dense", "affine", "dense_rec", "conv", "convT", "pool", "unpool")
IMAGES = ("conv", "convT", "pool", "unpool")


@dataclass(frozen=True)
class NeuronDescription:
    """Registers of a layer's neurons for a step of dt; arrays where they differ by channel.

    Attributes:
        current_decay, voltage_decay: () or (channel,), 0 ... 4096.
        threshold: () or (channel,), integers of the weights' scale; () 0 where the neurons never spike (`Affine`).
        reset: ``hard`` or ``soft``.
    """

    current_decay: np.ndarray
    voltage_decay: np.ndarray
    threshold: np.ndarray
    reset: str


@dataclass(frozen=True)
class Fine:
    """What training knows of a layer's neurons and Loihi does not: parameters of a fine step, from which dt starts.

    Attributes:
        current_decay, voltage_decay: (1,) or (channel,) float32, in 1/4096.
        threshold: in real units; 0 without one.
        scale: integers per real unit of the weights.
        persistent_state: whether states go on from call to call in training.
        tau_rho, scale_rho: lava-dl's surrogate, None where it is not known.
        delay: (channel,) float32 in fine steps, or None.
        max_delay: in fine steps, None without a limit.
    """

    current_decay: np.ndarray
    voltage_decay: np.ndarray
    threshold: float
    scale: int
    tau_rho: float | None = None
    scale_rho: float | None = None
    delay: np.ndarray | None = None
    max_delay: float | None = None
    persistent_state: bool = False


@dataclass(frozen=True)
class Window:
    """The kernel of a layer of images, (height, width) each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int = 1


@dataclass(frozen=True)
class Layer:
    """One block.

    Attributes:
        index: place in the network, from 0.
        kind: ``input``, ``flatten``, ``average``, ``affine`` or one of netx's ``dense``, ``dense_rec``, ``conv``,
            ``convT``, ``pool``, ``unpool``.
        shape: of the layer, (neuron...), as lava-dl has it.
        hop: steps from layer to layer in training, without delays: 1 or 0 of dt.
        delay: (channel,) steps of dt on top of the hop, 0 or more, or None. Loihi takes 62.
        weight: integers: (n_post, n_pre) for dense, (out, in/groups, height, width) for conv, (in, out/groups, height,
            width) for convT, (1, 1, height, width) for pool and unpool, () for an input block; None without.
        weight_rec: (n_post, n_post) integers of the feedback of a recurrent layer.
        bias: integer a step of dt: () of an input block, (channel,) of neurons, or None.
        window: of a layer of images.
        neuron: None for a layer without neurons.
        fine: None where a file does not say; also of an affine layer without neurons, whose scale it has.
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
    weight_rec: np.ndarray | None = None
    window: Window | None = None
    fine: Fine | None = None

    @property
    def name(self) -> str:
        return layer_name(self.index, self.kind)

    def differs_from(self, other: Layer) -> str | None:
        """The first attribute that differs, ``fine`` not counted; None if none does."""
        return next((f.name for f in fields(self) if f.name != "fine" and not _same(self, other, f.name)), None)


@dataclass(frozen=True)
class Description:
    """A network's layers, and the step that they share.

    Of a network on the held clock `blocks.describe` and `parsing.parse` give its coarse twin, which computes the same
    at the grid steps (EQUATIONS A.3), with ``timestep.clock`` ``held``; `on_fine_clock` gives what it does in between.
    """

    layers: tuple[Layer, ...]
    timestep: Timestep

    def latencies(self) -> list[int]:
        """By how many steps Lava runs behind training, for each layer with neurons.

        Positive: what training computes at step t, Lava computes at t + latency. lava-dl lets a step pass after every
        block, an input block included; Lava before every layer of synapses. Delays are behind the neuron in both.
        """
        found, ahead = [], 0
        for layer in self.layers:
            if layer.kind in SYNAPTIC:
                ahead += 1
            if layer.neuron is not None:
                found.append(ahead)
            ahead -= layer.hop
        return found

    def on_fine_clock(self) -> Description:
        """The same network step by fine step, its neurons acting at the grid steps only (EQUATIONS A.3).

        Registers, weights and biases stay, and ``timestep.clock`` is ``held``; hop and delays are in fine steps: the
        floor of those that training has, and where a file does not say them the longest that take the same steps of dt.

        Notes:
            An input block without neurons lets one step of its own axis pass, which is dt fine steps on the coarse
            clock: its hop is dt then.
        """
        layers = tuple(_on_fine_steps(layer, self.timestep) for layer in self.layers)
        return Description(layers, _held(self.timestep))


def _held(timestep: Timestep) -> Timestep:
    return replace(timestep, clock="held")


def _on_fine_steps(layer: Layer, timestep: Timestep) -> Layer:
    dt, hop, delay = timestep.dt, layer.hop, layer.delay
    if layer.kind == "input" and layer.neuron is None and not timestep.held:
        hop *= dt
    if layer.fine is not None and layer.fine.delay is not None:
        delay = delays.whole(layer.fine.delay, layer.fine.max_delay)
    elif delay is not None:
        delay = delays.longest(delay, hop, dt)
    return replace(layer, hop=hop, delay=delays.if_any(delay), timestep=_held(layer.timestep))


def layer_name(index: int, kind: str) -> str:
    return f"layer {index} ({kind})"


def check_layers(layers: list[Layer]) -> Timestep:
    """Refuses layers that do not fit each other; the timestep of the first with neurons.

    Raises:
        ValueError: by the layer's index and kind.
    """
    stepped = [layer for layer in layers if layer.neuron is not None or layer.kind in SYNAPTIC]
    if not stepped:
        raise ValueError("the network has no layer with neurons: nothing is left to export")
    timestep = stepped[0].timestep
    for layer in stepped:
        if layer.timestep.dt != timestep.dt:
            raise ValueError(
                f"{layer.name} has dt={layer.timestep.dt} and {stepped[0].name} dt={timestep.dt}: a Loihi network "
                "has one clock; give all layers the same dt and train on"
            )
        if layer.timestep.held != timestep.held:
            raise ValueError(
                f"{layer.name} is on the {layer.timestep.clock} clock and {stepped[0].name} on the {timestep.clock} "
                "one, whose time axes differ: give all layers the same clock"
            )
    for before, layer in zip([None, *layers], layers, strict=False):
        if before is None:
            _check_pooling(layer, None)
            continue
        if layer.kind == "input" and layer.neuron is not None:
            raise ValueError(f"{layer.name} must be the first layer: it takes analog values from outside")
        if layer.kind in IMAGES:
            _check_image(before, layer)
        elif layer.kind in SYNAPTIC:
            _check_dense(before, layer)
        elif layer.kind in ("flatten", "average"):
            _check_kept(before, layer)
    return timestep


def _check_kept(before: Layer, layer: Layer) -> None:
    n_before, n = math.prod(before.shape), math.prod(layer.shape)
    if layer.kind == "flatten" and n != n_before:
        raise ValueError(f"{layer.name} has {n} neurons but {before.name} before it {n_before}")
    if n_before % n:
        raise ValueError(f"{layer.name} has {n} groups, which do not divide the {n_before} neurons of {before.name}")


def _check_dense(before: Layer, layer: Layer) -> None:
    n_before, n_in = math.prod(before.shape), 0 if layer.weight is None else layer.weight.shape[1]
    if n_in != n_before:
        raise ValueError(f"{layer.name} takes {n_in} neurons but {before.name} before it has {n_before}")
    if before.kind not in ("flatten", "average") and sum(n > 1 for n in before.shape) > 1:
        raise ValueError(f"{layer.name} takes an image from {before.name}: put a Flatten block between them")


def _check_image(before: Layer, layer: Layer) -> None:
    if len(before.shape) != 3 or before.kind in ("flatten", "average"):
        raise ValueError(f"{layer.name} takes an image, and {before.name} before it has the shape {before.shape}")
    made = image_shape(layer, (before.shape[0], before.shape[1], before.shape[2]))
    if made != tuple(layer.shape):
        raise ValueError(
            f"{layer.name} has the shape {tuple(layer.shape)}, but of the {tuple(before.shape)} of {before.name} its "
            f"kernel makes {made}"
        )
    _check_pooling(layer, before.shape[1])


def _check_pooling(layer: Layer, height: int | None) -> None:
    """Refuses a pooling whose kernel reaches across channels, which are one image of (channel * height, width) there.

    Args:
        height: of the image that it takes, None where that is not known.
    """
    if layer.kind not in ("pool", "unpool") or layer.window is None or layer.shape[0] == 1:
        return
    window = layer.window
    kernel, stride, padding, dilation = (
        pair[0] for pair in (window.kernel, window.stride, window.padding, window.dilation)
    )
    reach, mixed = dilation * (kernel - 1) + 1, padding > 0
    if layer.kind == "unpool":
        mixed |= reach != stride
    else:
        mixed |= reach > stride or (height is not None and layer.shape[1] * stride != filled(height, kernel))
    if mixed:
        raise ValueError(
            f"{layer.name} mixes channels: lava-dl lays them under each other, and this kernel reaches from one into "
            "the next; in height use a stride as long as the kernel, without padding or dilation, and for a pooling "
            "one that divides the image"
        )


def filled(pixels: int, kernel: int) -> int:
    """Length of an image's side as a pooling sees it, with the zeros that lava-dl puts behind it."""
    return pixels + pixels % kernel


def image_shape(layer: Layer, shape: tuple[int, int, int]) -> tuple[int, ...]:
    """(channel, height, width) that a layer of images makes of another; a pooling's image is `filled`."""
    window, weight = layer.window, layer.weight
    if window is None or weight is None:
        return ()
    channels, *pixels = shape
    if layer.kind == "conv":
        channels = weight.shape[0] if channels == weight.shape[1] * window.groups else 0
    elif layer.kind == "convT":
        channels = weight.shape[1] * window.groups if channels == weight.shape[0] else 0
    made = []
    for n, k, s, p, d in zip(pixels, window.kernel, window.stride, window.padding, window.dilation, strict=True):
        if layer.kind in ("convT", "unpool"):
            made.append((n - 1) * s - 2 * p + d * (k - 1) + 1)
        else:
            side = filled(n, k) if layer.kind == "pool" else n
            made.append((side + 2 * p - d * (k - 1) - 1) // s + 1)
    return channels, *made


def _same(one: Any, other: Any, name: str) -> bool:
    first, second = getattr(one, name), getattr(other, name)
    if is_dataclass(first) and type(first) is type(second):
        return all(_same(first, second, f.name) for f in fields(first))
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return first is not None and second is not None and np.array_equal(first, second)
    return bool(first == second)
