"""Loops that turn pixels into events. Each takes a range of images and writes only to their places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Weyl's increment and the two factors of SplitMix64's finaliser (Steele, Lea and Flood 2014; Stafford's variant 13).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_BITS = np.uint64(11)  # of 64 that are dropped: 53 are compared


@njit(nogil=True, cache=True)
def mixed(key: Any, number: Any) -> Any:
    """64 bits that follow from both, as good as random; all uint64, and their overflow is meant."""
    z = key + _STEP * (number + np.uint64(1))
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, cache=True)
def fill_latency(images: Any, rows: Any, places: Any, ticks: Any, channels: Any, first: int, end: int) -> None:
    """From places[i]: pixel p of images[rows[i]] spikes at tick 255 - p, in the order of the pixels; 0 is silent."""
    for i in range(first, end):
        place = places[i]
        for pixel in range(images.shape[1]):
            value = images[rows[i], pixel]
            if value > 0:
                ticks[place] = 255 - value
                channels[place] = pixel
                place += 1


@njit(nogil=True, cache=True)
def draw_rate(
    images: Any,
    rows: Any,
    seed: Any,
    epoch: Any,
    levels: Any,
    steps: int,
    places: Any,
    ticks: Any,
    channels: Any,
    counts: Any,
    write: bool,
    first: int,
    end: int,
) -> None:
    """A pixel p spikes in a step where 53 random bits are below levels[p]; counted, or written from places[i] on.

    Draws are numbered: seed, sample and epoch make a key, which is mixed with (pixel, step).
    """
    for i in range(first, end):
        key = mixed(mixed(mixed(seed, np.uint64(rows[i])), epoch), np.uint64(0))
        place = places[i]
        for pixel in range(images.shape[1]):
            level = levels[images[rows[i], pixel]]
            if level == 0:
                continue
            number = np.uint64(pixel) << np.uint64(32)
            for step in range(steps):
                if mixed(key, number + np.uint64(step)) >> _BITS < level:
                    if write:
                        ticks[place] = step
                        channels[place] = pixel
                    place += 1
        counts[i] = place - places[i]
