"""Images as random spike trains: every pixel spikes with a chance of its own in each step."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROTATE = (np.uint64(30), np.uint64(27), np.uint64(31))
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_KEPT_BITS = np.uint64(11)  # shifted out: 53 are left, as many as a float64 holds


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

    Args:
        images: (batch, ...) uint8. samples: (batch,), the number of each in its data set.
        chances: of the 256 values, in [0, 1]; see `step_chances`.
        steps, dt: number of steps and their length [s].
        seed, epoch: with the sample's number they decide its spikes, whatever else is in the batch.
    """
    pixels = np.ascontiguousarray(images.reshape(len(images), -1))
    batch, n_pixels = pixels.shape
    keys = np.array([_key(seed, epoch, int(sample)) for sample in samples], np.uint64)
    counts = np.zeros(batch, np.int64)
    room = steps * np.count_nonzero(pixels, axis=1)
    starts = np.concatenate([[0], np.cumsum(room)])
    drawn = np.empty((3, starts[-1]), np.int32)
    run_pieces(
        batch,
        lambda first, end: _draw(first, end, pixels, keys, chances, steps, starts, counts, drawn),
        updates=4 * int(starts[-1]),
    )
    offsets = np.concatenate([[0], np.cumsum(counts)])
    found = np.empty((3, offsets[-1]), np.int32)
    for sample in range(batch):
        begin = starts[sample]
        found[:, offsets[sample] : offsets[sample + 1]] = drawn[:, begin : begin + counts[sample]]
    at = (np.arange(steps) * dt).astype(np.float32)
    return SpikeEvents(offsets, at[found[0]], found[1], found[2], n_pixels, steps)


def _key(seed: int, epoch: int, sample: int) -> int:
    """Where the random numbers of a sample begin."""
    key = 0
    for part in (seed, epoch, sample):
        key = int(_mixed(np.uint64(key ^ part)))
    return key


@njit(cache=True)
def _mixed(number):
    """The output function of SplitMix64 (Steele, Lea and Flood 2014): as good as random in every bit."""
    number = number + _GOLDEN
    number = (number ^ (number >> _ROTATE[0])) * _MIX[0]
    number = (number ^ (number >> _ROTATE[1])) * _MIX[1]
    return number ^ (number >> _ROTATE[2])


@njit(nogil=True, cache=True)
def _draw(first, end, pixels, keys, chances, steps, starts, counts, drawn):
    """Steps, pixels and slots of each sample's spikes, sorted; number k n + pixel of its stream decides step k."""
    n = pixels.shape[1]
    lit = np.empty(n, np.int32)
    below = np.empty(n, np.uint64)
    slots = np.empty(n, np.int32)
    for sample in range(first, end):
        n_lit = 0
        for pixel in range(n):
            if pixels[sample, pixel] > 0:
                lit[n_lit] = pixel
                below[n_lit] = np.uint64(chances[pixels[sample, pixel]] * 2.0**53)
                slots[n_lit] = 0
                n_lit += 1
        at = starts[sample]
        for k in range(steps):
            origin = keys[sample] + np.uint64(k * n) * _GOLDEN
            for place in range(n_lit):
                if (_mixed(origin + np.uint64(lit[place]) * _GOLDEN) >> _KEPT_BITS) < below[place]:
                    drawn[0, at] = k
                    drawn[1, at] = lit[place]
                    drawn[2, at] = slots[place]
                    slots[place] += 1
                    at += 1
        counts[sample] = at - starts[sample]
