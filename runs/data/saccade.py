"""A simulated event camera that looks at an image in three saccades, as N-MNIST was recorded (Orchard et al. 2015).

The image moves over the sensor along an isosceles triangle, one side a saccade. Every pixel follows the logarithm of
the light that falls on it, and sends an event, ON or OFF, where it has changed by a threshold since the pixel's last
event. For a while after an event the pixel is held in reset and what changes then is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from bats_dt.kernels.threads import run_pieces
from runs.data.images import Images
from runs.data.saccade_kernel import simulate
from runs.data.source import StoredEvents

SIDE = 34
SECONDS = 0.3
SIMULATOR = 1  # raised where the same camera would make other events than before: they are kept in files
_MARGIN = 8  # of ground around the image, in its pixels
_MOST_EVENTS = 20_000  # of one recording; where one has more it is simulated again with more room
_MICRO = 1e-6


@dataclass(frozen=True, kw_only=True)
class Saccade:
    """The camera and its movement. The defaults are fitted to recordings of N-MNIST (`lava-dt bench data --fit`).

    Args:
        ink: whether strokes are dark on a bright ground, so that their leading edge sends OFF events as N-MNIST's
            recordings have it, or bright on a dark one.
        scale: pixels of the sensor for one of the image.
        centre_x, centre_y: where the image's centre lies before the first saccade, in pixels of the sensor.
        across, down: the triangle, in pixels of the sensor: the image moves by (across, down), then by
            (across, -down), then back by (-2 across, 0).
        begins, ends: of each saccade's movement, in seconds; its speed rises and falls as a parabola.
        blur: standard deviation of the optics' blur, in pixels of the image.
        dark: light of a black pixel, where a white one has 1 + dark; the log of their ratio is the contrast.
        threshold_on, threshold_off: change of the log of the light that makes an event.
        mismatch: standard deviation of the thresholds over the sensor, as a share of them.
        refractory: seconds after an event in which a pixel is held in reset.
        bandwidth: time constant of a pixel's photoreceptor, a first-order low-pass filter, in seconds.
        latency_spread: standard deviation of the delay of an event, in seconds.
        noise_rate: events a second that a pixel sends by itself.
        seed: of the thresholds, the delays and the noise.

    Raises:
        ValueError: a number out of range, by name.
    """

    ink: Literal["dark", "bright"] = "dark"
    scale: float = 1.007
    centre_x: float = 13.42
    centre_y: float = 15.01
    across: float = 2.73
    down: float = 5.25
    begins: tuple[float, float, float] = (0.0057, 0.11, 0.2183)
    ends: tuple[float, float, float] = (0.0882, 0.185, 0.2882)
    blur: float = 0.41
    dark: float = 0.113
    threshold_on: float = 0.243
    threshold_off: float = 0.247
    mismatch: float = 0.11
    refractory: float = 1.46e-3
    bandwidth: float = 2.6e-3
    latency_spread: float = 0.17e-3
    noise_rate: float = 0.42
    seed: int = 0

    def __post_init__(self) -> None:
        positive = ("scale", "dark", "threshold_on", "threshold_off")
        if self.ink not in ("dark", "bright"):
            raise ValueError(f"ink came as {self.ink!r}: pass 'dark' or 'bright'")
        for field in fields(self):
            if field.name == "ink":
                continue
            value = getattr(self, field.name)
            values = value if isinstance(value, tuple) else (value,)
            if not all(math.isfinite(number) and number >= 0 for number in values):
                raise ValueError(f"{field.name} came as {value}: pass a finite number that is not negative")
            if field.name in positive and value == 0:
                raise ValueError(f"{field.name} came as 0: pass a number above 0")
        times = [time for pair in zip(self.begins, self.ends, strict=True) for time in pair]
        if len(times) != 6 or any(a >= b for a, b in pairwise(times)) or times[-1] > SECONDS:
            raise ValueError(
                f"begins came as {self.begins} and ends as {self.ends}: pass three saccades, one after the other, "
                f"within {SECONDS} s"
            )

    def path(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where the image's centre lies at `times` (seconds), shape (n, 2): x and y in pixels of the sensor."""
        position = np.tile([self.centre_x, self.centre_y], (len(times), 1))
        sides = ((self.across, self.down), (self.across, -self.down), (-2 * self.across, 0.0))
        for begin, end, side in zip(self.begins, self.ends, sides, strict=True):
            done = np.clip((times - begin) / (end - begin), 0, 1)
            position += (done**2 * (3 - 2 * done))[:, None] * side
        return position


def record(images: Images, code: Saccade, name: str, n_classes: int) -> StoredEvents:
    """Simulates one recording an image; the same whatever else is simulated with it, and on however many threads."""
    ticks, channels, counts = [], [], []
    for first in range(0, len(images), 256):
        for t, channel in _batch(images.images[first : first + 256], first, code):
            ticks.append(t)
            channels.append(channel)
            counts.append(len(t))
    return StoredEvents(
        ticks=np.concatenate([np.empty(0, np.int32), *ticks]),
        channels=np.concatenate([np.empty(0, np.uint16), *channels]),
        offsets=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
        labels=images.labels,
        name=f"{name}, three simulated saccades, seed {code.seed}",
        shape=(SIDE, SIDE, 2),
        n_classes=n_classes,
        tick=_MICRO,
        duration=SECONDS,
    )


def _batch(
    pixels: npt.NDArray[np.uint8], first: int, code: Saccade
) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]]:
    from scipy.ndimage import gaussian_filter  # not at import, which every worker of a sweep waits for

    light = np.pad(pixels / 255.0, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    if code.ink == "dark":
        light = 1 - light
    seen = np.log(gaussian_filter(light, (0, code.blur, code.blur)) + code.dark).astype(np.float32)
    path = code.path(np.arange(round(SECONDS / 1e-3) + 1, dtype=np.float64) * 1e-3)
    numbers = np.arange(first, first + len(pixels))
    room = _MOST_EVENTS
    while True:
        ticks = np.empty((len(pixels), room), np.int32)
        channels = np.empty((len(pixels), room), np.uint16)
        counts = np.zeros(len(pixels), np.int64)

        def piece(begin: int, end: int) -> None:
            simulate(
                seen,
                numbers,
                path,
                code.scale,
                code.threshold_on,
                code.threshold_off,
                code.mismatch,
                1e3 * code.refractory,
                1e3 * code.bandwidth,
                1e3 * code.latency_spread,
                1e-3 * code.noise_rate,
                np.uint64(code.seed),
                ticks,  # noqa: B023
                channels,  # noqa: B023
                counts,  # noqa: B023
                begin,
                end,
            )

        run_pieces(len(pixels), piece)
        if not len(counts) or counts.max() <= room:
            break
        room = int(counts.max())
    found = []
    for t, channel, count in zip(ticks, channels, counts, strict=True):
        order = np.argsort(t[:count], kind="stable")
        found.append((t[:count][order], channel[:count][order]))
    return found
