"""Windows of a map by plain loops."""

from __future__ import annotations

import numpy as np

from bats_dt.kernels.receptive_fields import Unfolded
from bats_dt.spikes import SpikeEvents


def unfold(
    events: SpikeEvents, shape: tuple[int, int, int], window: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(offsets, source, neurons) of the virtual events; contract: :func:`bats_dt.kernels.receptive_fields.unfold`."""
    (size_x, size_y, channels), (fx, fy) = shape, window
    offsets, source, neurons = [0], [], []
    for sample in range(events.batch):
        for ox in range(size_x - fx + 1):
            for oy in range(size_y - fy + 1):
                for event in range(events.offsets[sample], events.offsets[sample + 1]):
                    place, channel = divmod(int(events.neurons[event]), channels)
                    x, y = divmod(place, size_y)
                    if ox <= x < ox + fx and oy <= y < oy + fy:
                        source.append(event)
                        neurons.append(((x - ox) * fy + y - oy) * channels + channel)
                offsets.append(len(source))
    return np.array(offsets, np.int64), np.array(source, np.int64), np.array(neurons, np.int32)


def fold(errors: np.ndarray, unfolded: Unfolded) -> np.ndarray:
    """Contract: :func:`bats_dt.kernels.receptive_fields.fold`."""
    sums = np.zeros(unfolded.offsets[-1])
    for error, source in zip(errors, unfolded.source, strict=True):
        sums[source] += error
    return sums.astype(errors.dtype)


def assemble(offsets: np.ndarray, times: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """The stable order of each sample's events by (time, neuron)."""
    order: list[int] = []
    for sample in range(len(offsets) - 1):
        own = range(offsets[sample], offsets[sample + 1])
        order += sorted(own, key=lambda event: (times[event], neurons[event]))
    return np.array(order, np.int64)
