"""Fits the simulated camera to real recordings: a random search around the best so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from runs.bench.data.statistics import Statistics, describe, distances
from runs.data.images import Images
from runs.data.saccade import Saccade, record

# Sizes of the steps: shares of the value, for numbers above 0, or seconds and pixels where said.
_SHARES = {
    "scale": 0.02,
    "across": 0.05,
    "down": 0.05,
    "blur": 0.1,
    "dark": 0.2,
    "threshold_on": 0.1,
    "threshold_off": 0.1,
    "mismatch": 0.2,
    "refractory": 0.1,
    "bandwidth": 0.15,
    "latency_spread": 0.2,
    "noise_rate": 0.1,
}
_STEPS = {"centre_x": 0.2, "centre_y": 0.2, "begins": 2e-3, "ends": 2e-3}


def cost(images: Images, real: Statistics, code: Saccade) -> float:
    """The sum of the distances between the simulated recordings of `images` and the real ones."""
    return sum(distances(describe(record(images, code, "MNIST", 10)), real).values())


def fit(
    images: Images,
    real: Statistics,
    code: Saccade,
    tries: int,
    seed: int = 0,
    told: Callable[[int, float, Saccade], None] = lambda *_: None,
) -> Saccade:
    """The best camera of so many tries, each the best one so far with some of its numbers changed.

    Args:
        images: what the recordings are of.
        real: statistics of the real recordings of these images.
        code: where to begin.
        tries: how many cameras to simulate.
        seed: of the changes.
        told: called after each try with its number, the smallest cost so far, and its camera.
    """
    draw = np.random.default_rng(seed)
    best, lowest = code, cost(images, real, code)
    width = 1.0
    for number in range(tries):
        trial = _changed(best, draw, width)
        found = cost(images, real, trial) if trial is not None else np.inf
        width = float(np.clip(width * (1.5 if found < lowest else 0.95), 0.2, 2))
        if trial is not None and found < lowest:
            best, lowest = trial, found
        told(number, lowest, best)
    return best


def _changed(code: Saccade, draw: np.random.Generator, width: float) -> Saccade | None:
    """Some of the numbers changed; None where the times no longer follow each other."""
    change: dict[str, object] = {}
    for name, share in _SHARES.items():
        if draw.random() < 0.3:
            change[name] = float(getattr(code, name) * np.exp(width * share * draw.normal()))
    for name, step in _STEPS.items():
        if draw.random() < 0.3:
            value = getattr(code, name)
            moved = np.asarray(value) + width * step * draw.normal(size=np.shape(value))
            change[name] = tuple(map(float, moved)) if isinstance(value, tuple) else float(moved)
    try:
        return dataclasses.replace(code, **change)  # type: ignore[arg-type]
    except ValueError:
        return None
