"""Images as spike times: the brighter a pixel, the earlier its one spike."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from runs.data.images import Images


def latency_times(images: Images | npt.NDArray[np.uint8], window: float = 0.1) -> npt.NDArray[np.float32]:
    """One spike a pixel at window * (1 - p / 255); a pixel of 0 stays silent (EQUATIONS A.7).

    Args:
        images: `Images`, or uint8 of shape (n, ...), 0 ... 255.
        window: time of the darkest spike's upper bound, in seconds; a pixel of 255 spikes at 0.

    Returns:
        Spike times in seconds, float32 rounded from float64, shape (n, pixels); inf: the pixel is silent.

    Raises:
        TypeError: pixels that are not uint8.
        ValueError: a window that is not a positive, finite time.
    """
    if not (math.isfinite(window) and window > 0):
        raise ValueError(f"window came as {window}: pass a positive time in seconds, such as 0.1")
    pixels = images.images if isinstance(images, Images) else np.asarray(images)
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels came as {pixels.dtype}: pass uint8 values 0 ... 255, as the image files hold them")
    times = window * (1.0 - np.arange(256) / 255.0)
    times[0] = np.inf
    return times.astype(np.float32)[pixels.reshape(len(pixels), math.prod(pixels.shape[1:]))]
