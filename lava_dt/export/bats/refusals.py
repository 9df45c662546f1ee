"""What Loihi's neurons cannot do of what `bats_dt` trains, refused by the layer's name."""

from __future__ import annotations

import math

from bats_dt.clocked_neuron import ClockedNeuron
from lava_dt.export.bats.layers import Connected
from lava_dt.export.bats.report import Report


def check_layer(layer: Connected, dt: float, hidden: bool, measured: bool) -> None:
    """Refuses a layer whose neurons are not Loihi's.

    Args:
        layer: it.
        dt: step to be exported at [s].
        hidden: whether a layer is above it.
        measured: whether samples will show how often its limit of spikes binds.

    Raises:
        ValueError: by its name, with what to do about it.
    """
    neuron = layer.layer.neuron
    if isinstance(neuron, ClockedNeuron):
        _check_clocked(layer.name, neuron, dt)
    elif neuron.reset != neuron.threshold:
        raise ValueError(
            f"{layer.name} takes delta_theta = {neuron.reset:g} from its potential at a spike, and Loihi's soft reset "
            f"takes the threshold, theta = {neuron.threshold:g}: train it with delta_theta = theta"
        )
    if layer.limit == 1 and hidden and not measured:
        raise ValueError(
            f"{layer.name} keeps one spike of each neuron (max_n_spike = 1), and Loihi's neurons go on spiking, which "
            "the layer above would feel: train it with a larger max_n_spike, or pass samples on which no neuron has a "
            "second one"
        )


def check_limits(report: Report) -> None:
    """Refuses hidden neurons that stop after one spike and would not in Lava.

    Raises:
        ValueError: by the layer's name.
    """
    for layer in report.layers[:-1]:
        if layer.limit == 1 and layer.measured is not None and layer.measured.beyond:
            raise ValueError(
                f"layer {layer.name!r} keeps one spike of each neuron (max_n_spike = 1), and Loihi's would send "
                f"{layer.measured.beyond:.3g} more a sample, which the layer above would feel: train it with a larger "
                "max_n_spike"
            )


def end_of(layers: list[Connected]) -> float:
    """When clocked layers end [s]; inf if none does.

    Raises:
        ValueError: they end at different times.
    """
    ends = {layer.layer.duration if layer.clocked else math.inf: layer for layer in layers}  # type: ignore[attr-defined]
    if len(ends) > 1:
        first, last = min(ends), max(ends)
        raise ValueError(
            f"{ends[first].name} ends at {first:g} s and {ends[last].name} at {last:g} s, and in Lava all layers run "
            "together: give all of them the same duration, or none"
        )
    return next(iter(ends))


def _check_clocked(name: str, neuron: ClockedNeuron, dt: float) -> None:
    if neuron.dt != dt:
        raise ValueError(f"{name} is stepped by dt = {neuron.dt:g} s, and dt is {dt:g} s: pass dt={neuron.dt:g}")
    if neuron.v_reset != 0:
        raise ValueError(
            f"{name} has v_reset = {neuron.v_reset:g}, and Loihi's neurons are reset to 0 or by the threshold: train "
            "it with v_reset=0"
        )
    step = neuron.coefficients()
    for what, tau, keep in (("tau_s", neuron.tau_syn, step.keep_i), ("tau_mem", neuron.tau_mem, step.keep_u)):
        if keep < 0:
            raise ValueError(
                f"{name} is stepped by {neuron.scheme} with dt = {dt:g} s and {what} = {tau:g} s, which multiplies its "
                f"state with {keep:.3g} a step, and Loihi's decays end at 0: train it at a smaller dt, or with "
                "scheme='backward_euler'"
            )
