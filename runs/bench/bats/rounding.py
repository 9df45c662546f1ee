"""Whether rounding decides how often a neuron spikes: a float64 simulation of that neuron alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt import Network, get_backend, set_backend
from bats_dt.layers import InputLayer, LIFLayer

Array = npt.NDArray[Any]
NUDGE = 1e-5  # of the threshold: some hundred roundings of float32


def decided_by_rounding(
    times: Array, counts: Array, weights: Array, tau_s: float, threshold: float, end: float, slots: int, found: int
) -> bool:
    """Whether a neuron's number of spikes hangs on rounding, or `found` is less than what it is without any.

    The first: thresholds a little lower and a little higher give different numbers. The second is how the published
    kernels lose a spike: a crossing that rounding puts after the next input is refused, and before it once that input
    has been added, refused again.

    Args:
        times, counts: trains (n_pre, slots) and (n_pre,) of the neuron's inputs, in seconds.
        weights: (n_pre,).
        tau_s, threshold, end: of the neuron, and the end of the simulation; it is reset by its threshold.
        slots: spikes that are kept at most.
        found: spikes that the published kernels have found.
    """
    layer = {"tau_s": tau_s, "delta_theta": threshold, "max_n_spike": slots, "n_neurons": 1, "dtype": np.float64}
    lower, higher = (
        _simulated(times, counts, weights, end, {**layer, "theta": theta})
        for theta in (threshold * (1 - NUDGE), threshold * (1 + NUDGE))
    )
    return lower != higher or found < higher


def _simulated(times: Array, counts: Array, weights: Array, end: float, layer: dict[str, Any]) -> int:
    before = get_backend()
    set_backend("cpu")
    try:
        network, inputs = Network(), InputLayer(n_neurons=len(weights))
        network.add_layer(inputs, input=True)
        network.add_layer(LIFLayer(inputs, weight_initializer=lambda n_post, n_pre: weights[None], **layer))
        network.forward(times[None].astype(np.float64), counts[None], end)
        return int(network.output_spike_trains[1][0, 0])
    finally:
        set_backend(before)
