"""A sample through the networks of bats_dt: BATS in exact time or on a grid, and the clock-driven one."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt import Network
from bats_dt.neuron import Neuron
from runs.report.traces.recording import Floats, Recording, output_counts, strongest_other

_PLACES = 500  # at which a voltage is looked at, besides its resets


def record_bats(duration: float, network: Network, label: int) -> Recording:
    """The recording of a BATS network's last forward pass, on one sample.

    The voltages follow from the spikes, exactly: V(t) = sum_i w_i g(t - t_i) - reset sum_k exp(-(t - t_k)/tau_mem),
    with the neuron's resets t_k (EQUATIONS A.5).
    """
    sizes, spikes = _spikes(network)
    output: Any = network.layers[-1]
    neuron = output.neuron
    neurons = (label, strongest_other(output_counts(spikes[-1], sizes[-1]), label))
    all_resets = _resets(output)
    resets = [all_resets[spikes[-1][:, 1] == j] for j in neurons]
    times = np.sort(np.concatenate([np.linspace(0, duration, _PLACES), *resets, *resets]))
    weights = np.asarray(output.weights, float)
    below = spikes[-2]
    driven = [response(neuron, times[:, None] - below[:, 0]) @ weights[j, below[:, 1].astype(int)] for j in neurons]
    taken = [after_resets(neuron, times, own) for own in resets]
    voltages = [(drive - fall) / neuron.threshold for drive, fall in zip(driven, taken, strict=True)]
    return _recording(duration, sizes, spikes, neurons, times, voltages)


def record_clocked(duration: float, network: Network, label: int) -> Recording:
    """The recording of a clock-driven network's last forward pass, on one sample; voltages are those before a reset."""
    sizes, spikes = _spikes(network)
    output: Any = network.layers[-1]
    neurons = (label, strongest_other(output_counts(spikes[-1], sizes[-1]), label))
    potentials = np.asarray(output.traces()[1][0], float)
    times = output.dt * (1 + np.arange(len(potentials)))
    voltages = [potentials[:, j] / output.theta for j in neurons]
    return _recording(duration, sizes, spikes, neurons, times, voltages)


def response(neuron: Neuron, since: Floats) -> Floats:
    """`Neuron.response` of many times at once; 0 before the spike."""
    after = np.maximum(since, 0.0)
    delta = abs(neuron.delta)
    rise = -np.expm1(-delta * after) / delta if delta else after
    return np.exp(-after / max(neuron.tau_mem, neuron.tau_syn)) * rise


def after_resets(neuron: Neuron, times: Floats, resets: Floats) -> Floats:
    """What the resets have taken from the potential at the times; a time that comes twice is before and after one."""
    second = np.concatenate([[False], times[1:] == times[:-1]])
    since = times[:, None] - resets
    there = (since > 0) | ((since == 0) & second[:, None])
    return neuron.reset * np.where(there, np.exp(-np.maximum(since, 0) / neuron.tau_mem), 0.0).sum(1)


def _resets(output: Any) -> Floats:
    """When each spike resets its neuron [s]: at its own time or, by the published rule, at the crossing."""
    emitted = output.emitted
    if emitted.reset_on_grid:
        return np.asarray(emitted.events.times, float)
    inputs = np.asarray(output.previous_layer.events.times, float)
    return inputs[np.asarray(emitted.last_input)] + np.asarray(emitted.since_input, float)


def _spikes(network: Network) -> tuple[tuple[int, ...], list[Floats]]:
    """Neurons and spikes (n, 2), time [s] and neuron, of every layer but those that pool."""
    layers = [layer for layer in network.layers if not layer.name.startswith("pool")]
    both = [(np.asarray(layer.events.times, float), np.asarray(layer.events.neurons, float)) for layer in layers]
    return tuple(layer.n_neurons for layer in layers), [np.stack(pair, axis=1) for pair in both]


def _recording(
    seconds: float,
    sizes: tuple[int, ...],
    spikes: list[Floats],
    neurons: tuple[int, int],
    times: Floats,
    voltages: list[Floats],
) -> Recording:
    return Recording(
        seconds=float(seconds),
        sizes=sizes,
        label=neurons[0],
        other=neurons[1],
        spikes=np.concatenate(spikes),
        layer=np.concatenate([np.full(len(found), i) for i, found in enumerate(spikes)]),
        times=times,
        label_voltage=voltages[0],
        other_voltage=voltages[1],
    )
