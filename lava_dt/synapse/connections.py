"""`Connections`: what one spike of each input neuron adds to the drive, for every kind of synapse.

A spike adds rows of weights to runs of neighbouring neurons. A dense synapse has one such row an input; a convolution
one for each position of its kernel that lies inside the image, with the output channels as the run. The drive is laid
out (height, width, channel), channels innermost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Connections:
    """What a spike of input neuron i adds, for every j in start[i] ... start[i+1]-1:

        drive[target[j] : target[j] + width] += rows[row[j]]

    Args:
        start: (n_in + 1,) int32.
        target, row: (n_connections,) int32.
        width: length of a row of weights.
        n_rows: number of rows.
        n_out: neurons that receive.
        dense: whether every input has exactly the row of its own number, at target 0.
    """

    start: Array
    target: Array
    row: Array
    width: int
    n_rows: int
    n_out: int
    dense: bool = False


def dense(n_in: int, n_out: int) -> Connections:
    """All to all: row i is what input i adds to the n_out neurons."""
    start = np.arange(n_in + 1, dtype=np.int32)
    return Connections(start, np.zeros(n_in, np.int32), start[:-1], n_out, n_in, n_out, dense=True)


@dataclass(frozen=True)
class Window:
    """A kernel that slides over an image, per axis (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    def reached(self, axis: int, size: int, transposed: bool) -> tuple[Array, int]:
        """Where the spikes along an axis of ``size`` pixels arrive: (size, kernel), -1 outside; and of how many."""
        k, s, p, d = (v[axis] for v in (self.kernel, self.stride, self.padding, self.dilation))
        pixel, tap = np.arange(size)[:, None], np.arange(k)[None]
        if transposed:
            count = (size - 1) * s - 2 * p + d * (k - 1) + 1
            position = pixel * s - p + tap * d
            valid = (position >= 0) & (position < count)
        else:
            count = (size + 2 * p - d * (k - 1) - 1) // s + 1
            position, rest = np.divmod(pixel + p - tap * d, s)
            valid = (rest == 0) & (position >= 0) & (position < count)
        return np.where(valid, position, -1), count


def convolution(
    shape: tuple[int, int, int], out_channels: int, groups: int, window: Window, transposed: bool = False
) -> tuple[Connections, tuple[int, int, int]]:
    """A convolution, or a transposed one, of images (channel, height, width): its connections and output's shape.

    Row (c kernel_h + y) kernel_w + x holds the weights of input channel c and kernel position (y, x) to the
    out_channels/groups channels of its group.
    """
    channels, height, width = shape
    rows, columns, out_height, out_width = _reached(height, width, window, transposed)
    kernel_h, kernel_w = window.kernel
    run = out_channels // groups
    group = np.arange(channels) // (channels // groups)
    pixel = _pixels(rows, columns, out_width)  # (height, width, kernel_h, kernel_w)
    target = pixel[None] * out_channels + (group * run)[:, None, None, None, None]
    taps = np.arange(kernel_h * kernel_w).reshape(kernel_h, kernel_w)
    row = (np.arange(channels) * taps.size)[:, None, None, None, None] + taps
    connections = _listed(np.broadcast_to(pixel >= 0, target.shape), target, row)
    n_out = out_channels * out_height * out_width
    return Connections(*connections, run, channels * taps.size, n_out), (out_channels, out_height, out_width)


def pooling(
    shape: tuple[int, int, int], window: Window, transposed: bool = False
) -> tuple[Connections, tuple[int, int, int]]:
    """Sum pooling, or unpooling, of each channel with one shared kernel; row y kernel_w + x is its weight there.

    An image that does not fill the last windows of a pooling is taken to go on with zeros.
    """
    channels, height, width = shape
    filled_h, filled_w = height, width
    if not transposed:
        filled_h, filled_w = (-(-n // k) * k for n, k in zip((height, width), window.kernel, strict=True))
    rows, columns, out_height, out_width = _reached(filled_h, filled_w, window, transposed)
    pixel = _pixels(rows[:height], columns[:width], out_width)
    target = pixel[None] * channels + np.arange(channels)[:, None, None, None, None]
    row = np.arange(pixel.shape[2] * pixel.shape[3]).reshape(pixel.shape[2:])
    connections = _listed(np.broadcast_to(pixel >= 0, target.shape), target, row)
    return Connections(*connections, 1, row.size, channels * out_height * out_width), (channels, out_height, out_width)


def _reached(height: int, width: int, window: Window, transposed: bool) -> tuple[Array, Array, int, int]:
    rows, out_height = window.reached(0, height, transposed)
    columns, out_width = window.reached(1, width, transposed)
    if out_height < 1 or out_width < 1:
        raise ValueError(
            f"the image is {height} x {width} and the kernel {window.kernel[0]} x {window.kernel[1]} (dilation "
            f"{window.dilation}, padding {window.padding}): nothing is left; use a smaller kernel or more padding"
        )
    return rows, columns, out_height, out_width


def _pixels(rows: Array, columns: Array, out_width: int) -> Array:
    y, x = rows[:, None, :, None], columns[None, :, None, :]
    return np.where((y >= 0) & (x >= 0), y * out_width + x, -1)


def _listed(valid: Array, target: Array, row: Array) -> tuple[Array, Array, Array]:
    """Connections of every input neuron, one after the other; all arrays (channel, height, width, kernel...)."""
    per_input = valid.reshape(*valid.shape[:3], -1).sum(-1).ravel()
    start = np.concatenate([[0], np.cumsum(per_input)]).astype(np.int32)
    return start, target[valid].astype(np.int32), np.broadcast_to(row, target.shape)[valid].astype(np.int32)
