"""Pooling by plain loops and Python's own sort."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bats_dt.spikes import SpikeEvents


def pool(events: SpikeEvents, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(offsets, source, neurons, slots) of the pooled events; contract: :func:`bats_dt.kernels.pooling.pool`."""
    size_x, size_y, channels = shape
    offsets, source, neurons, slots = [0], [], [], []
    for sample in range(events.batch):
        pooled = []
        for event in range(events.offsets[sample], events.offsets[sample + 1]):
            place, channel = divmod(int(events.neurons[event]), channels)
            x, y = (coordinate // 2 for coordinate in divmod(place, size_y))
            if x < size_x // 2 and y < size_y // 2:
                pooled.append((events.times[event], (x * (size_y // 2) + y) * channels + channel, event))
        emitted: Counter[int] = Counter()
        for _, neuron, event in sorted(pooled):
            source.append(event)
            neurons.append(neuron)
            slots.append(emitted[neuron])
            emitted[neuron] += 1
        offsets.append(len(source))
    return (
        np.array(offsets, np.int64),
        np.array(source, np.int64),
        np.array(neurons, np.int32),
        np.array(slots, np.int32),
    )
