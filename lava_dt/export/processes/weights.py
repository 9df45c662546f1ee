"""Weights as lava-nc's synapses take them, and the matrix of a layer of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.utils.weightutils import SignMode
from scipy.sparse import coo_matrix, csr_matrix

from lava_dt.export.description import Layer, Window

TRANSPOSED = ("convT", "unpool")
POOLING = ("pool", "unpool")


def encode_weights(weight: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """Weights and the encoding with which Loihi's synapses compute with exactly these integers.

    Even weights are Loihi's mixed-sign format as they are. netx shifts weights up to save bits, which loses -256 and
    constant matrices of a power of two, and fails for zeros.

    Args:
        weight: integers, an array or a sparse matrix.
        name: of the layer, for the error.

    Returns:
        Weights of the same kind; ``weight_exp``, ``num_weight_bits`` and ``sign_mode`` of the synapses.

    Raises:
        ValueError: there is no such encoding.
    """
    values = weight if isinstance(weight, np.ndarray) else weight.data
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    encoding = {"weight_exp": 0, "num_weight_bits": 8, "sign_mode": SignMode.MIXED}
    if not np.any(values % 2) and low >= -256 and high <= 254:
        return weight, encoding
    if low >= 0 and high <= 255:
        return weight, {**encoding, "sign_mode": SignMode.EXCITATORY}
    if high <= 0 and low >= -255:
        return weight, {**encoding, "sign_mode": SignMode.INHIBITORY}
    if low >= -128 and high <= 127:
        return weight * 2, {**encoding, "weight_exp": -1}
    raise ValueError(
        f"{name} has weights from {low} to {high}, some odd: Loihi's 8 bits hold even weights from -256 to 254, or odd "
        "ones from -128 to 127 or of one sign; quantise them in steps of 2, as lava-dl does"
    )


def matrix(layer: Layer, shape: tuple[int, ...]) -> csr_matrix:
    """The linear map of a layer of images: conv, convT, pool and unpool.

    Between images of n and m pixels along an axis, a kernel's entry k connects input pixel i and output pixel o where
    i = o stride - padding + k dilation, or, transposed, o = i stride - padding + k dilation.

    Args:
        layer: with its weight and window.
        shape: (channel, height, width) of the input; a pooling takes what is missing of its last windows as zero.

    Returns:
        (n_post, n_pre) integers, neurons on both sides ordered as lava-nc's images are: (width, height, channel).
    """
    window, weight = layer.window, layer.weight
    if window is None or weight is None:
        raise ValueError(f"{layer.name} has no kernel, of which a matrix could be made")
    transposed = layer.kind in TRANSPOSED
    rows, columns = (_along(shape[1 + axis], layer.shape[1 + axis], axis, window, transposed) for axis in range(2))
    before, after, kernels = _channels(layer.kind, weight, window.groups, shape[0])
    values = kernels[:, rows[2][:, None], columns[2][None, :]]
    sizes = (shape, layer.shape)
    pre, post = (
        (columns[side][None, None, :] * size[1] + rows[side][None, :, None]) * size[0] + channel[:, None, None]
        for side, size, channel in zip((0, 1), sizes, (before, after), strict=True)
    )
    index = np.broadcast_to(post, values.shape).ravel(), np.broadcast_to(pre, values.shape).ravel()
    whole = int(np.prod(layer.shape)), int(np.prod(shape))
    found: csr_matrix = coo_matrix((values.ravel(), index), shape=whole).tocsr()
    found.eliminate_zeros()
    return found


def _along(n_pre: int, n_post: int, axis: int, window: Window, transposed: bool) -> tuple[np.ndarray, ...]:
    """Input pixel, output pixel and kernel entry of every connection along one axis."""
    near, entry = np.indices((n_pre if transposed else n_post, window.kernel[axis])).reshape(2, -1)
    far = near * window.stride[axis] - window.padding[axis] + entry * window.dilation[axis]
    inside = (far >= 0) & (far < (n_post if transposed else n_pre))
    near, far, entry = near[inside], far[inside], entry[inside]
    return (near, far, entry) if transposed else (far, near, entry)


def _channels(kind: str, weight: np.ndarray, groups: int, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input channel, output channel and kernel (height, width) of every pair of channels that is connected."""
    if kind in POOLING:
        same = np.arange(channels)
        return same, same, np.broadcast_to(weight[0, 0], (channels, *weight.shape[2:]))
    own, other = np.indices(weight.shape[:2]).reshape(2, -1)
    other = other + own // (weight.shape[0] // groups) * weight.shape[1]
    kernels = weight.reshape(-1, *weight.shape[2:])
    return (own, other, kernels) if kind in TRANSPOSED else (other, own, kernels)
