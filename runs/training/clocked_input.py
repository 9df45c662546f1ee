"""Images as random spike trains: every pixel spikes with a chance of its own in each step."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents
from runs.data.encoding_kernels import mixed

_ONE = 2.0**53  # certainty, in the units in which draws are compared
_BITS = np.uint64(11)  # of 64 that are dropped: 53 are compared
_PIXEL = np.uint64(32)  # how far the pixel's number stands above the step's in that of a draw


def step_chances(rate: float, rate_per: str, dt: float) -> npt.NDArray[np.float64]:
    """The chance that a pixel of each of the 256 values spikes in a step.

    Args:
        rate: of a white pixel; that of a pixel of value p is rate p / 255.
        rate_per: "step": the rate is that chance. "second": the spikes are a Poisson process of that rate, of which a
            step shows whether there was any, 1 - exp(-rate dt).
        dt: step [s].
    """
    rates = rate * np.arange(256) / 255
    return rates if rate_per == "step" else -np.expm1(-rates * dt)


def rate_coded(
    images: npt.NDArray[np.uint8],
    samples: npt.NDArray[np.integer],
    *,
    chances: npt.NDArray[np.float64],
    steps: int,
    dt: float,
    seed: int,
    epoch: int,
) -> SpikeEvents:
    """Spikes of a batch of images, at k dt for the steps k = 0 ... steps - 1 that a pixel spikes in.

    They are those of the encoding "rate" of `runs.data.load_events`, draw for draw, but sorted as layers take them.

    Args:
        images: (batch, ...) uint8. samples: (batch,), the number of each in its data set.
        chances: of the 256 values, in [0, 1]; see `step_chances`.
        steps, dt: number of steps and their length [s].
        seed, epoch: with the sample's number they decide its spikes, whatever else is in the batch.
    """
    pixels = np.ascontiguousarray(images.reshape(len(images), math.prod(images.shape[1:])))
    batch, n_pixels = pixels.shape
    levels = np.round(chances * _ONE).astype(np.uint64)
    origin = np.array([seed, epoch], np.uint64)
    counts = np.zeros(batch, np.int64)
    room = steps * np.count_nonzero(pixels, axis=1)
    starts = np.concatenate([[0], np.cumsum(room)])
    drawn = np.empty((3, starts[-1]), np.int32)
    run_pieces(
        batch,
        lambda first, end: _draw(first, end, pixels, samples, origin, levels, steps, starts, counts, drawn),
        updates=4 * int(starts[-1]),
    )
    offsets = np.concatenate([[0], np.cumsum(counts)])
    found = np.empty((3, offsets[-1]), np.int32)
    for sample in range(batch):
        begin = starts[sample]
        found[:, offsets[sample] : offsets[sample + 1]] = drawn[:, begin : begin + counts[sample]]
    at = (np.arange(steps) * dt).astype(np.float32)
    return SpikeEvents(offsets, at[found[0]], found[1], found[2], n_pixels, steps)


@njit(nogil=True, cache=True)
def _draw(first, end, pixels, samples, origin, levels, steps, starts, counts, drawn):
    """Steps, pixels and slots of each sample's spikes, sorted."""
    n = pixels.shape[1]
    lit = np.empty(n, np.int32)
    below = np.empty(n, np.uint64)
    slots = np.empty(n, np.int32)
    for sample in range(first, end):
        n_lit = 0
        for pixel in range(n):
            level = levels[pixels[sample, pixel]]
            if level > 0:
                lit[n_lit] = pixel
                below[n_lit] = level
                slots[n_lit] = 0
                n_lit += 1
        key = mixed(mixed(mixed(origin[0], np.uint64(samples[sample])), origin[1]), np.uint64(0))
        at = starts[sample]
        for k in range(steps):
            step = np.uint64(k)
            for place in range(n_lit):
                if mixed(key, (np.uint64(lit[place]) << _PIXEL) + step) >> _BITS < below[place]:
                    drawn[0, at] = k
                    drawn[1, at] = lit[place]
                    drawn[2, at] = slots[place]
                    slots[place] += 1
                    at += 1
        counts[sample] = at - starts[sample]
