"""MNIST's images as spikes, with more or fewer of them where a case asks for another share of spiking pixels."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.bench.bats.cases import Case
from runs.data import Images, latency_times, load_mnist

Array = npt.NDArray[Any]
WINDOW = 0.1  # seconds in which a pixel spikes


@cache
def training_images(data: Path | None) -> Images:
    """MNIST's training images from a folder, or the shipped ones; read once a process."""
    return load_mnist(data, "train")


def batch_of(images: Images, case: Case, seed: int) -> tuple[Array, Array, Array]:
    """Spike times float32 (batch, 784, 1) in seconds, counts int32 (batch, 784) and labels (batch,) of a case.

    Images are drawn from those given, again and again where there are too few. For a share of spiking pixels of the
    case's own, pixels chosen at random fall silent, or black ones take the value of a random pixel that is not black.
    """
    generator = np.random.default_rng([seed, 1])
    rounds = -(-case.batch // len(images))
    chosen = np.concatenate([generator.permutation(len(images)) for _ in range(rounds)])[: case.batch]
    drawn = images.take(chosen)
    pixels = drawn.images.reshape(case.batch, -1)
    if case.share is not None:
        pixels = with_share(pixels, case.share, generator)
    times, counts = trains(pixels)
    return times, counts, drawn.labels


def with_share(pixels: Array, share: float, generator: np.random.Generator) -> Array:
    """The pixels, uint8 (n, pixels), with so many of each image not black as the share says, to a whole pixel."""
    found, inks = pixels.copy(), pixels[pixels > 0]
    wanted = round(share * pixels.shape[1])
    for row in found:
        bright, black = np.flatnonzero(row), np.flatnonzero(row == 0)
        if len(bright) > wanted:
            row[generator.permutation(bright)[wanted:]] = 0
        else:
            filled = generator.permutation(black)[: wanted - len(bright)]
            row[filled] = generator.choice(inks, len(filled))
    return found


def trains(pixels: Array) -> tuple[Array, Array]:
    """Spike times (n, 784, 1) in seconds and counts (n, 784) of uint8 pixels (n, 784): the brighter, the earlier."""
    times = latency_times(pixels, WINDOW)[:, :, None]
    return times, np.isfinite(times[:, :, 0]).astype(np.int32)
