"""The loop over a simulated camera's pixels and milliseconds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from runs.data.encoding_kernels import mixed

_SIDE = 34
_UNIT = 2.0**-53
_NEVER = 1e30


@njit(nogil=True, cache=True)
def _uniform(bits: Any) -> float:
    """In (0, 1], from 64 bits."""
    return (float(bits >> np.uint64(11)) + 1.0) * _UNIT


@njit(nogil=True, cache=True)
def _normal(key: Any, number: int) -> float:
    """Standard normal (Box and Muller), from two numbered draws."""
    n = np.uint64(2 * number)
    radius = math.sqrt(-2.0 * math.log(_uniform(mixed(key, n))))
    return radius * math.cos(2.0 * math.pi * _uniform(mixed(key, n + np.uint64(1))))


@njit(nogil=True, cache=True)
def _seen(image: Any, x: float, y: float) -> float:
    """The image at a place between its pixels, bilinear; what lies outside is as dark as its corner."""
    column, row = math.floor(x), math.floor(y)
    if column < 0 or row < 0 or column + 1 >= image.shape[1] or row + 1 >= image.shape[0]:
        return image[0, 0]
    right, below = x - column, y - row
    above_line = image[row, column] + right * (image[row, column + 1] - image[row, column])
    below_line = image[row + 1, column] + right * (image[row + 1, column + 1] - image[row + 1, column])
    return above_line + below * (below_line - above_line)


@njit(nogil=True, cache=True)
def simulate(
    images: Any,
    numbers: Any,
    path: Any,
    scale: float,
    threshold_on: float,
    threshold_off: float,
    mismatch: float,
    refractory: float,
    bandwidth: float,
    spread: float,
    noise_rate: float,
    seed: Any,
    ticks: Any,
    channels: Any,
    counts: Any,
    first: int,
    end: int,
) -> None:
    """Events of images[i] in ticks[i] (microseconds) and channels[i], pixel after pixel; how many in counts[i].

    images: float32 (n, rows, columns), log of the light. path: (milliseconds + 1, 2), place of the image's centre on
    the sensor. Times are in milliseconds, noise_rate in events a millisecond. numbers[i]: the sample's own draws.
    What does not fit is counted all the same.
    """
    room = ticks.shape[1]
    middle_x, middle_y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    keep = math.exp(-1.0 / bandwidth) if bandwidth > 0 else 0.0
    sensor = mixed(seed, np.uint64(0))  # thresholds belong to the sensor, not to the recording
    for i in range(first, end):
        image = images[i]
        own = mixed(mixed(seed, np.uint64(1)), np.uint64(numbers[i]))
        n = 0
        for pixel in range(_SIDE * _SIDE):
            y, x = pixel // _SIDE, pixel % _SIDE
            on = threshold_on * max(0.1, 1.0 + mismatch * _normal(sensor, 2 * pixel))
            off = threshold_off * max(0.1, 1.0 + mismatch * _normal(sensor, 2 * pixel + 1))
            key, draws = mixed(own, np.uint64(pixel)), 0
            noise = _NEVER
            if noise_rate > 0:
                noise = -math.log(_uniform(mixed(key, np.uint64(1 << 40)))) / noise_rate
            level = _seen(image, (x - path[0, 0]) / scale + middle_x, (y - path[0, 1]) / scale + middle_y)
            reference, free = level, 0.0
            for t in range(1, path.shape[0]):
                before = level
                target = _seen(image, (x - path[t, 0]) / scale + middle_x, (y - path[t, 1]) / scale + middle_y)
                level = target + keep * (level - target)
                now = t - 1.0  # up to which this millisecond has been dealt with
                while True:
                    if free > now:  # held in reset: the reference follows the light
                        if free >= t:
                            reference = level
                            break
                        now = free
                        reference = before + (level - before) * (now - (t - 1))
                    change, polarity, when = level - reference, 0, _NEVER
                    if change >= on:
                        polarity, when = 1, t - (change - on) / (level - before) if level > before else now
                    elif change <= -off:
                        when = t - (change + off) / (level - before) if level < before else now
                    when = max(when, now)
                    if noise <= when and noise < t:
                        when = max(noise, now)
                        polarity = int(mixed(key, np.uint64(draws)) >> np.uint64(63))
                        noise = when - math.log(_uniform(mixed(key, np.uint64((1 << 40) + draws + 1)))) / noise_rate
                    if when >= t:
                        break
                    late = when
                    if spread > 0:
                        late += abs(spread * _normal(key, (1 << 30) + draws))
                    draws += 1
                    tick = int(1000.0 * late)
                    if tick < 1000 * (path.shape[0] - 1):
                        if n < room:
                            ticks[i, n] = tick
                            channels[i, n] = (polarity * _SIDE + y) * _SIDE + x
                        n += 1
                    now = when
                    free = when + refractory
                    reference = before + (level - before) * (now - (t - 1))
        counts[i] = n
