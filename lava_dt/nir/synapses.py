"""The synapses between two layers as one block has them: a matrix, a convolution, a pooling, or none.

Pooling without neurons of its own has no block; it is worked into the weights behind it, which computes the same:

    conv_W(pool_k(x)) = conv(x) with every weight of W repeated over k x k pixels, and k times the stride and padding
    W pool_k(x)       = the matrix with every column repeated over the k x k pixels of its window

Windows lie side by side; pixels that fill none, at the end of an axis, are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from lava_dt.nir.errors import NIRError

Pair = tuple[int, int]
MOST_NEURONS = 1 << 24  # of a layer
MOST_POOLED = 1 << 25  # weights, of which a few can stand for many


@dataclass(frozen=True)
class Synapses:
    """What lies between two layers.

    Attributes:
        kind: dense, conv, pool, or none: each neuron gets the value of its own place times ``weight``.
        weight: (n_post, n_pre), (C_out, C_in/groups, h, w), or () for pool and none; float64.
        outputs: shape of the layer behind.
        bias: (n_post,) or (C_out,), or None where all of it is 0.
        kernel, stride, padding, dilation: (height, width), of conv; the first two of pool.
        groups: of conv.
        images: shape of what a dense matrix takes, where a Flatten lies before it inside; else None.
    """

    kind: str
    weight: np.ndarray
    outputs: tuple[int, ...]
    bias: np.ndarray | None = None
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    images: tuple[int, ...] | None = None


def synapses_of(nodes: list[tuple[str, Any]], shape: tuple[int, ...]) -> Synapses:
    """One block's synapses of nodes in a row, for an input of ``shape``.

    Raises:
        NIRError: a node that does not fit the shape, or nodes that no block computes, by name.
    """
    pools: list[tuple[str, Pair]] = []
    found: Synapses | None = None
    pooled, flat, divisor = shape, False, 1.0
    images, leftover = shape, False
    for name, node in nodes:
        if found is not None:
            raise NIRError(
                f"node {name!r} follows other synapses without neurons between, which lava-dl's blocks have: multiply "
                "both into one"
            )
        if isinstance(node, (nir.SumPool2d, nir.AvgPool2d)):
            if flat:
                raise NIRError(f"node {name!r} pools what was flattened: pool before")
            kernel, after = _pool(name, node, pooled)
            leftover = leftover or any(n % k for n, k in zip(pooled[1:], kernel, strict=True))
            pools.append((name, kernel))
            pooled = after
            divisor *= math.prod(kernel) if isinstance(node, nir.AvgPool2d) else 1
        elif isinstance(node, nir.Flatten):
            images, pooled, flat = pooled, flattened(name, node, pooled), True
        elif isinstance(node, nir.Conv2d):
            found = _conv(name, node, pooled)
        elif isinstance(node, nir.Scale):
            found = _scale(name, node, pooled)
        else:
            found = _dense(name, node, pooled)
    kernel = (math.prod(k[0] for _, k in pools), math.prod(k[1] for _, k in pools))
    if found is None:
        if not pools:
            return Synapses("none", np.ones(()), shape)
        if flat:
            raise NIRError(f"node {nodes[-1][0]!r} flattens what was pooled for neurons: flatten behind the neurons")
        if leftover:
            raise NIRError(
                f"node {pools[-1][0]!r} pools windows of {kernel} pixels from the shape {shape}, which they do not "
                "fill, for neurons: lava-dl would fill up the last ones where NIR leaves them out; crop the input"
            )
        return Synapses("pool", np.asarray(1 / divisor), pooled, kernel=kernel, stride=kernel)
    if not pools:
        return found
    found = replace(found, weight=found.weight / divisor)
    name = pools[-1][0]
    _check_pooled(name, found.weight.size * math.prod(kernel))
    if found.kind == "conv":
        if leftover and any(found.padding):
            raise NIRError(
                f"node {name!r} leaves out pixels at the end of the shape {shape} and is followed by a convolution "
                "that pads: no block does both; crop the input, or put neurons between"
            )
        return _conv_of_pooled(name, found, kernel)
    if found.kind == "dense" and flat:
        return _dense_of_pooled(name, found, kernel, images, shape)
    raise NIRError(f"node {name!r} pools for synapses that take no images: flatten what it pools")


def flattened(name: str, node: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape behind a Flatten of all three axes of an image.

    Raises:
        NIRError: one that leaves an axis, or no image.
    """
    first, last = (whole(name, getattr(node, key), key, -8)[0] for key in ("start_dim", "end_dim"))
    # frameworks differ in whether the batch counts as an axis: 1 ... -1 of (batch, C, H, W), 0 ... -1 of (C, H, W)
    if len(shape) != 3 or first not in (0, 1) or last not in (-1, 2, 3):
        raise NIRError(
            f"node {name!r} flattens axes {first} to {last} of shape {shape}: lava-dl's Flatten takes all three axes "
            "of (channel, height, width)"
        )
    return (math.prod(shape),)


def whole(name: str, value: Any, field: str, least: int, count: int = 1) -> tuple[int, ...]:
    """``count`` whole numbers of at least ``least``, from one or ``count`` of them.

    Raises:
        NIRError: anything else.
    """
    try:
        numbers = np.ravel(np.asarray(value, np.float64))
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.size not in (1, count) or not (np.isfinite(numbers) & (numbers == np.rint(numbers))).all():
        raise NIRError(f"node {name!r} has {field} = {value!r}: it takes {count} whole number{'s' * (count > 1)}")
    if numbers.min() < least or numbers.max() > 1 << 24:
        raise NIRError(
            f"node {name!r} has {field} = {numbers.min():g} ... {numbers.max():g}: at least {least}, at most 2^24"
        )
    return tuple(int(n) for n in np.broadcast_to(numbers, count))


def check_size(name: str, shape: tuple[int, ...]) -> None:
    """Raises NIRError for a layer of more neurons than any network has, of which a small file can speak."""
    if math.prod(shape) > MOST_NEURONS:
        raise NIRError(f"node {name!r} makes a layer of shape {shape}: at most {MOST_NEURONS} neurons can be read")


def weights(name: str, value: Any, axes: int, field: str = "weight") -> np.ndarray:
    """An array of finite numbers with so many axes.

    Raises:
        NIRError: anything else.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise NIRError(f"node {name!r} has a {field} that is no array of numbers: {error}") from error
    if array.ndim != axes or not array.size:
        raise NIRError(f"node {name!r} has a {field} of shape {array.shape}: {axes} axes are needed, none empty")
    if not np.isfinite(array).all():
        raise NIRError(f"node {name!r} has a {field} that is not finite")
    return array


def _bias(name: str, node: Any, n: int) -> np.ndarray | None:
    value = getattr(node, "bias", None)
    if value is None:
        return None
    bias = weights(name, value, 1, "bias")
    if bias.size != n:
        raise NIRError(f"node {name!r} has {bias.size} biases for {n} neurons or channels")
    return bias if bias.any() else None


def _dense(name: str, node: Any, shape: tuple[int, ...]) -> Synapses:
    weight = weights(name, node.weight, 2)
    if (weight.shape[1],) != shape:
        raise NIRError(f"node {name!r} takes {weight.shape[1]} neurons and gets the shape {shape}: they must agree")
    return Synapses("dense", weight, weight.shape[:1], _bias(name, node, weight.shape[0]))


def _scale(name: str, node: Any, shape: tuple[int, ...]) -> Synapses:
    scale = np.asarray(node.scale, np.float64)
    if not scale.size or not np.isfinite(scale).all() or np.ptp(scale):
        raise NIRError(f"node {name!r} scales its inputs by different numbers: an Input block has one for all")
    return Synapses("none", np.asarray(scale.flat[0]), shape)


def _conv(name: str, node: Any, shape: tuple[int, ...]) -> Synapses:
    weight = weights(name, node.weight, 4)
    groups = whole(name, node.groups, "groups", 1)[0]
    stride, dilation = (whole(name, getattr(node, key), key, 1, 2) for key in ("stride", "dilation"))
    kernel = weight.shape[2:]
    padding = node.padding.decode("utf8", "replace") if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, str):
        same = padding == "same" and stride == (1, 1) and all(k % 2 for k in kernel)
        if not same and padding != "valid":
            raise NIRError(f"node {name!r} has padding {padding!r}: give it in pixels, one number a side")
        padding = [d * (k - 1) // 2 if same else 0 for d, k in zip(dilation, kernel, strict=True)]
    padding = whole(name, padding, "padding", 0, 2)
    if len(shape) != 3 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise NIRError(
            f"node {name!r} takes {weight.shape[1] * groups} channels in {groups} groups and gets the shape {shape}: "
            "(channel, height, width) that fit are needed"
        )
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(shape[1:], padding, dilation, kernel, stride, strict=True)
    ]
    if min(size) < 1:
        raise NIRError(f"node {name!r} has a kernel of {kernel} pixels, larger than its input of shape {shape}")
    check_size(name, (weight.shape[0], *size))
    return Synapses(
        "conv",
        weight,
        (weight.shape[0], *size),
        _bias(name, node, weight.shape[0]),
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        (padding[0], padding[1]),
        (dilation[0], dilation[1]),
        groups,
    )


def _pool(name: str, node: Any, shape: tuple[int, ...]) -> tuple[Pair, tuple[int, ...]]:
    kernel, stride = (whole(name, getattr(node, key), key, 1, 2) for key in ("kernel_size", "stride"))
    if len(shape) != 3 or stride != kernel or any(whole(name, node.padding, "padding", 0, 2)):
        raise NIRError(
            f"node {name!r} pools windows of {kernel} pixels by steps of {stride} from the shape {shape}: windows side "
            "by side, without padding, of (channel, height, width) can be read"
        )
    if min(n // k for n, k in zip(shape[1:], kernel, strict=True)) < 1:
        raise NIRError(f"node {name!r} pools windows of {kernel} pixels from the shape {shape}, which is smaller")
    return (kernel[0], kernel[1]), (shape[0], shape[1] // kernel[0], shape[2] // kernel[1])


def _conv_of_pooled(name: str, conv: Synapses, kernel: Pair) -> Synapses:
    if conv.dilation != (1, 1):
        raise NIRError(f"node {name!r} pools for a dilated convolution without neurons between: no block does both")
    weight = conv.weight.repeat(kernel[0], 2).repeat(kernel[1], 3)
    grown, stride, padding = ((a[0] * kernel[0], a[1] * kernel[1]) for a in (conv.kernel, conv.stride, conv.padding))
    return replace(conv, weight=weight, kernel=grown, stride=stride, padding=padding)


def _dense_of_pooled(
    name: str, dense: Synapses, kernel: Pair, pooled: tuple[int, ...], shape: tuple[int, ...]
) -> Synapses:
    n_post = len(dense.weight)
    _check_pooled(name, n_post * math.prod(shape))
    weight = dense.weight.reshape(n_post, *pooled).repeat(kernel[0], 2).repeat(kernel[1], 3)
    left_out = [(0, n - used) for n, used in zip(shape[1:], weight.shape[2:], strict=True)]
    weight = np.pad(weight, [(0, 0), (0, 0), *left_out])
    return replace(dense, weight=weight.reshape(n_post, -1), images=shape)


def _check_pooled(name: str, weights: int) -> None:
    if weights > MOST_POOLED:
        raise NIRError(
            f"node {name!r} pools for synapses that would have more than {MOST_POOLED} weights: put neurons between"
        )
