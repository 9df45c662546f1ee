"""How many synapses a spike acts on."""

from __future__ import annotations

import math

import numpy as np

from lava_dt.export.description import IMAGES, Description, Layer
from lava_dt.export.processes.weights import matrix


def fan_outs(description: Description, shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Synapses whose weight is not zero, behind each input and each neuron, feedback included.

    Args:
        shape: (channel, height, width) of the input, where it is an image.

    Returns:
        Of the input, then of every layer with neurons or sums, in order: (neurons,) int64, ordered as lava-dl flattens,
        (channel, height, width).
    """
    found: list[np.ndarray] = []
    before: tuple[int, ...] = shape
    feedback: np.ndarray | int = 0
    for layer in description.layers:
        if layer.kind != "flatten" and not (layer.kind == "input" and layer.neuron is None):
            found.append(_into(layer, before) + feedback)
            feedback = 0 if layer.weight_rec is None else np.count_nonzero(layer.weight_rec, axis=0)
        before = tuple(layer.shape)
    found.append(np.zeros(math.prod(before), np.int64) + feedback)
    return found


def _into(layer: Layer, shape: tuple[int, ...]) -> np.ndarray:
    """Synapses of a layer behind each neuron before it."""
    if layer.kind in IMAGES:
        counts = np.asarray(matrix(layer, shape).getnnz(axis=0), np.int64)
        return counts.reshape(shape[::-1]).transpose().ravel()  # from Lava's (width, height, channel)
    if layer.weight is not None and layer.weight.ndim == 2:
        return np.count_nonzero(layer.weight, axis=0)
    return np.zeros(math.prod(shape), np.int64)
