"""A network file, lava_dt's or lava-dl's, as a description."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lava_dt.export import delays
from lava_dt.export.description import (
    DECAY_UNIT,
    IMAGES,
    LARGEST_THRESHOLD,
    Description,
    Layer,
    NeuronDescription,
    Window,
    check_layers,
)
from lava_dt.export.fine_parsing import check_delays, parse_fine
from lava_dt.export.schema import FORMAT_VERSION, SOFT_RESET_TYPE, NetworkFileError, Stored, opened
from lava_dt.timestep import Timestep

_TYPES = ("input", "flatten", "average", "dense", "dense_rec", *IMAGES)
_CUBA = ("CUBA", "LOIHI")
_LARGEST_LAYER = 1 << 31
_MOST_CHANNELS = 1 << 20  # of images, whose files need not hold anything of that size
_LARGEST_BIAS = 1 << 20
_LARGEST_DT = 1 << 20
_MOST_LAYERS = 4096


@dataclass(frozen=True)
class NetworkFile:
    """What a file says. ``fine_step``: seconds, or None."""

    description: Description
    fine_step: float | None


def parse(path: os.PathLike[str] | str, *, name: os.PathLike[str] | str | None = None) -> NetworkFile:
    """Reads and checks a network file of CuBa neurons.

    Args:
        path: the file.
        name: what to call it in errors.

    Raises:
        NetworkFileError: what it holds is no network, a damaged one, or has a layer that lava-dl's CuBa blocks have
            not; the file and the layer or dataset are named.
    """
    name = path if name is None else name
    with opened(path, name) as root:
        version = root.attribute("format_version", int, 0)
        if version > FORMAT_VERSION:
            raise root.error(f"is of format {version}, which this version of lava_dt does not know: upgrade it")
        fine_step = root.attribute("fine_step", float)
        if fine_step is not None and not 0 < fine_step < math.inf:
            raise root.error(f"has a fine step of {fine_step} s: it must be above 0")
        listed = root.group("layer")
        count = len(listed)
        if count > _MOST_LAYERS:
            raise listed.error(f"has {count} layers: {_MOST_LAYERS} are possible")
        missing = next((i for i in range(count) if str(i) not in listed), None)
        if not count or missing is not None:
            raise listed.error(
                f"has {count} layers, number {missing or 0} not among them: they must be numbered from 0"
            )
        layers = [_layer(index, listed.group(str(index))) for index in range(count)]
        try:
            timestep = check_layers(layers)
        except ValueError as error:
            raise NetworkFileError(f"{name}: {error}") from None
        _check_root(root, timestep)
    return NetworkFile(Description(tuple(layers), timestep), fine_step)


def _check_root(root: Stored, timestep: Timestep) -> None:
    dt, clock = root.attribute("dt", int, timestep.dt), root.attribute("clock", str, timestep.clock)
    if dt != timestep.dt or (dt > 1 and clock != timestep.clock):
        raise root.error(
            f"is of dt={dt} on the {clock} clock, but its layers of dt={timestep.dt} on the {timestep.clock} one"
        )


def _layer(index: int, stored: Stored) -> Layer:
    kind = stored.text("type")
    if kind not in _TYPES:
        raise stored.error(f"is of type {kind!r}: lava-dl's CuBa blocks make {', '.join(_TYPES)}", "type")
    shape = tuple(int(n) for n in stored.numbers("shape", (1,), 1, _LARGEST_LAYER))
    if len(shape) not in (1, 2, 3) or math.prod(shape) > _LARGEST_LAYER:
        raise stored.error(f"is {shape}: one neuron axis, or channel, height and width, are needed", "shape")
    if kind in ("flatten", "average"):
        return Layer(index, kind, shape)
    timestep = _timestep(stored)
    hop = stored.attribute("hop", int, 1)
    if hop not in (0, 1):
        raise stored.error(f"has a hop of {hop} steps: 0 or 1 is possible")
    neuron, exponent = _neuron(stored, shape[0], timestep) if "neuron" in stored else (None, 0)
    fine = parse_fine(stored.group("fine"), shape[0]) if "fine" in stored else None
    layer = Layer(index, kind, shape, hop, neuron=neuron, timestep=timestep, fine=fine)
    if kind == "input":
        check_delays(stored, layer)
        return layer if neuron is None else replace(layer, **_input(stored))
    if neuron is None and kind != "dense":
        raise stored.error("has no neurons: only a dense layer may be without", "neuron")
    made = _dense if kind in ("dense", "dense_rec") else _image
    layer = made(layer, stored, exponent)
    if layer.neuron is not None and layer.kind != "affine" and not layer.neuron.threshold.all():
        raise stored.error(f"is above {LARGEST_THRESHOLD}: only dense layers may never spike", "neuron/vThMant")
    return _with_bias_and_delay(layer, stored)


def _timestep(stored: Stored) -> Timestep:
    options: dict[str, Any] = {}
    for name, kind in (("dt", int), ("clock", str), ("scheme", str), ("reset", str), ("gain", str), ("between", str)):
        value = stored.attribute(name, kind)
        if value is not None:
            options[name] = value
    saturate = stored.attribute("saturate", bool)
    if saturate is not None:
        options["saturate"] = saturate
    try:
        timestep = Timestep(**options)
    except (TypeError, ValueError) as error:
        raise stored.error(f"has attributes that are no timestep ({error})") from None
    if timestep.dt > _LARGEST_DT:
        raise stored.error(f"has dt={timestep.dt}: {_LARGEST_DT} fine steps are possible")
    return timestep


def _neuron(stored: Stored, channels: int, timestep: Timestep) -> tuple[NeuronDescription, int]:
    group = stored.group("neuron")
    kind = group.text("type")
    if kind not in (*_CUBA, SOFT_RESET_TYPE):
        raise group.error(f"is {kind!r}: only CuBa neurons (CUBA, LOIHI, {SOFT_RESET_TYPE}) can be read", "type")
    reset = "soft" if kind == SOFT_RESET_TYPE else "hard"
    if reset != timestep.reset:
        raise group.error(f"is {kind!r}, but the layer's reset is {timestep.reset!r}", "type")
    if "refDelay" in group and group.number("refDelay", 0, 1 << 16) > 1:
        raise group.error("is above 1: lava-dl's neurons have no refractory period", "refDelay")
    if "gradedSpike" in group and group.number("gradedSpike", 0, 1):
        raise group.error("is true: Lava's LIF sends 0 or 1", "gradedSpike")
    if "weight_exp" in group and group.numbers("weight_exp", (0, 1), -128, 128).any():
        raise group.error(
            "is not 0: the current was divided by a power of two behind its decay (WgtScaleBatchNorm), which Loihi's "
            "neurons and netx do not do; train with MeanOnlyBatchNorm",
            "weight_exp",
        )
    exponent = group.number("wgtExp", -8, 7) if "wgtExp" in group else 0
    current, voltage = (_register(group, which, channels, 0, DECAY_UNIT) for which in ("iDecay", "vDecay"))
    threshold = _register(group, "vThMant", channels, 1, 1 << 24)
    if threshold.min() > LARGEST_THRESHOLD:
        threshold = np.asarray(0)  # above every voltage
    elif threshold.max() > LARGEST_THRESHOLD:
        raise group.error(f"goes up to {threshold.max()}: Loihi takes {LARGEST_THRESHOLD} at most", "vThMant")
    return NeuronDescription(current, voltage, threshold, reset), exponent


def _register(group: Stored, name: str, channels: int, low: int, high: int) -> np.ndarray:
    values = np.squeeze(group.numbers(name, (0, 1, 2, 3), low, high))
    if values.shape not in ((), (channels,)):
        raise group.error(f"has the shape {values.shape} for {channels} channels: one value, or one a channel", name)
    return values


def _input(stored: Stored) -> dict[str, Any]:
    parts = {}
    for name, ends in (("weight", (-256, 254)), ("bias", (-_LARGEST_BIAS, _LARGEST_BIAS))):
        if name in stored:
            parts[name] = np.asarray(_even(stored, name, stored.number(name, *ends), 0))
    return parts


def _dense(layer: Layer, stored: Stored, exponent: int) -> Layer:
    n = math.prod(layer.shape)
    kind = (
        "affine" if layer.kind == "dense" and (layer.neuron is None or not layer.neuron.threshold.any()) else layer.kind
    )
    weight = _matrix(stored, "weight", n, exponent)
    for name, size in (("outFeatures", weight.shape[0]), ("inFeatures", weight.shape[1])):
        if name in stored and stored.number(name, 1, _LARGEST_LAYER) != size:
            raise stored.error(f"is not {size}, as the weights' shape {weight.shape} says", name)
    if layer.kind == "dense_rec":
        feedback = _matrix(stored, "weight_rec", n, exponent)
        if feedback.shape != (n, n):
            raise stored.error(f"has the shape {feedback.shape}: ({n}, {n}) is needed", "weight_rec")
        return replace(layer, weight=weight, weight_rec=feedback)
    return replace(layer, kind=kind, weight=weight, hop=0 if kind == "affine" else layer.hop)


def _matrix(stored: Stored, name: str, n_post: int, exponent: int) -> np.ndarray:
    if stored.is_group(name):
        raise stored.error("is a group, as complex weights have it: only real ones can be read", name)
    weight = _even(stored, name, stored.numbers(name, (1, 2, 3, 4, 5), -(1 << 16), 1 << 16), exponent)
    while weight.ndim > 2 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim == 1:
        weight = weight.reshape(n_post, -1) if weight.size % n_post == 0 else weight
    if weight.ndim != 2 or weight.shape[0] != n_post:
        raise stored.error(f"has the shape {weight.shape} for {n_post} neurons: (n_post, n_pre) is needed", name)
    return weight


def _image(layer: Layer, stored: Stored, exponent: int) -> Layer:
    if len(layer.shape) != 3 or layer.shape[0] > _MOST_CHANNELS:
        raise stored.error(f"is {layer.shape}: channel, height and width are needed", "shape")
    if stored.is_group("weight"):
        raise stored.error("is a group, as complex weights have it: only real ones can be read", "weight")
    weight = _even(stored, "weight", stored.numbers("weight", (4, 5), -(1 << 16), 1 << 16), exponent)
    weight = weight[..., 0] if weight.ndim == 5 and weight.shape[4] == 1 else weight
    if weight.ndim != 4 or (layer.kind in ("pool", "unpool") and weight.shape[:2] != (1, 1)):
        raise stored.error(f"has the shape {weight.shape}: four axes are needed, (1, 1, h, w) of a pooling", "weight")
    kernel = weight.shape[2], weight.shape[3]
    if "kernelSize" in stored and _pair(stored, "kernelSize", 1) != kernel:
        raise stored.error(f"is not {kernel}, as the weights' shape {weight.shape} says", "kernelSize")
    stride, padding, dilation = (
        _pair(stored, name, low) for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    groups = stored.number("groups", 1, _LARGEST_LAYER) if layer.kind in ("conv", "convT") else 1
    if weight.shape[0] % groups:
        raise stored.error(
            f"is {groups}, which does not divide the {weight.shape[0]} channels of the weights", "groups"
        )
    return replace(layer, weight=weight, window=Window(kernel, stride, padding, dilation, groups))


def _pair(stored: Stored, name: str, low: int) -> tuple[int, int]:
    values = stored.numbers(name, (0, 1), low, 1 << 16).reshape(-1)
    if values.size not in (1, 2):
        raise stored.error(f"holds {values.size} numbers where height and width are needed", name)
    return int(values[0]), int(values[-1])


def _with_bias_and_delay(layer: Layer, stored: Stored) -> Layer:
    channels = layer.shape[0]
    if "bias" in stored and layer.neuron is not None:
        bias = stored.numbers("bias", (0, 1), -254, 256)
        if bias.size not in (1, channels):
            raise stored.error(f"has {bias.size} values for {channels} channels", "bias")
        stored.claim("bias", channels)
        layer = replace(layer, bias=np.broadcast_to(_even(stored, "bias", bias.reshape(-1), 0), (channels,)).copy())
    if "delay" in stored:
        delay = stored.numbers("delay", (0, 1), 0, delays.LONGEST).reshape(-1)
        if delay.size not in (1, channels) or layer.kind == "affine":
            raise stored.error(f"has {delay.size} values for {channels} channels that delay spikes", "delay")
        stored.claim("delay", channels)
        layer = replace(layer, delay=delays.if_any(np.broadcast_to(delay, (channels,)).copy()))
    check_delays(stored, layer)
    return layer


def _even(stored: Stored, name: str, values: Any, exponent: int) -> Any:
    """Integers of Loihi's 8 bits: a layer's exponent folded in, refused where lava-dl's grid would change them."""
    scaled = np.ldexp(np.asarray(values, dtype=np.float64), exponent)
    low, high = (-256, 254) if name.startswith("weight") else (-_LARGEST_BIAS, _LARGEST_BIAS)
    if (scaled % 2).any() or scaled.min() < low or scaled.max() > high:
        folded = f", times 2^{exponent}" if exponent else ""
        raise stored.error(
            f"goes from {np.min(values)} to {np.max(values)}{folded}: lava-dl's neurons take even integers from {low} "
            f"to {high}; round them in the file",
            name,
        )
    return scaled.astype(np.int64)
