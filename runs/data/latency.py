"""Images as spike times: the brighter a pixel, the earlier its one spike."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from runs.data.images import Images

_UNDISTORTED = 0.001  # seconds; the published loader leaves pixels alone up to this step


def latency_times(
    images: Images | npt.NDArray[np.uint8], window: float = 0.1, published_dt: float | None = None
) -> npt.NDArray[np.float32]:
    """One spike a pixel at window * (1 - p / 255); a pixel of 0 stays silent (EQUATIONS A.7).

    Args:
        images: `Images`, or uint8 of shape (n, ...), 0 ... 255.
        window: time of the darkest spike's upper bound, in seconds; a pixel of 255 spikes at 0.
        published_dt: a step in seconds, to distort the pixels as the published loader of the thesis does. Where it is
            above 0.001, published_dt - (p mod published_dt) is added to the value p of every pixel, before it
            becomes a time. That moves no spike by more than window * published_dt / 255, onto no grid; but a
            black pixel is no longer 0 and spikes, too, just before the window's end. None: no distortion.

    Returns:
        Spike times in seconds, float32 rounded from float64, shape (n, pixels); inf: the pixel is silent.

    Raises:
        TypeError: pixels that are not uint8.
        ValueError: a window or a step that is not a positive, finite time.

    Notes:
        The published loader lets a white pixel spike up to 4e-6 s before 0; here it spikes at 0.
    """
    _positive("window", window, 0.1)
    pixels = images.images if isinstance(images, Images) else np.asarray(images)
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels came as {pixels.dtype}: pass uint8 values 0 ... 255, as the image files hold them")
    values = np.arange(256.0)
    if published_dt is not None:
        _positive("published_dt", published_dt, 0.002)
        if published_dt > _UNDISTORTED:
            values += published_dt - np.fmod(values, published_dt)
    times = np.where(values == 0, np.inf, np.maximum(window * (1.0 - values / 255.0), 0.0))
    return times.astype(np.float32)[pixels.reshape(len(pixels), math.prod(pixels.shape[1:]))]


def _positive(name: str, time: float, example: float) -> None:
    if not (math.isfinite(time) and time > 0):
        raise ValueError(f"{name} came as {time}: pass a positive time in seconds, such as {example}")
